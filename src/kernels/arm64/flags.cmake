set(flags_neon -march=armv8-a)
set(flags_neondot -march=armv8.2-a+dotprod)
set(flags_neonbf16 -march=armv8.2-a+dotprod+bf16)
