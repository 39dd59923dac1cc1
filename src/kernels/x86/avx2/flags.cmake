include_guard()
set(flags_avx2 -mavx2 -mfma)
set(flags_avxvnni ${flags_avx2} -mavxvnni)
