/* Landlock by its three calls, and a seccomp filter written by hand: see sandbox.h. */
#include "serve/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Sanitizers look into the process at its end in ways that are forbidden here. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_NONE
#endif
#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#define X32_BIT 0x40000000u /* of the numbers of another way to call */
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#else
#define SANDBOX_NONE
#endif
#define NEWEST 462 /* mseal: calls above it were not known when this was written */

/* -- Landlock ------------------------------------------------------------------------------------------------------ */

#if defined(SYS_landlock_create_ruleset) && !defined(SANDBOX_NONE)
#include <linux/landlock.h>

#define RIGHTS_1 ((UINT64_C(1) << 13) - 1) /* of files and folders, in the first version of Landlock */

static int files_allow(int rules, const char *path, uint64_t access) {
  struct landlock_path_beneath_attr beneath = {.allowed_access = access};
  beneath.parent_fd = open(path, O_PATH | O_CLOEXEC);
  if (beneath.parent_fd < 0) return 0;
  int allowed = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0;
  close(beneath.parent_fd);
  return allowed;
}

int trm__sandbox_files(const char *const *files, int count) {
  const struct landlock_ruleset_attr all = {.handled_access_fs = RIGHTS_1};
  int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all.handled_access_fs, 0);
  if (rules < 0) return 0;
  for (int i = 0; i < count; i++) /* one that is not there cannot be loaded, and that is told then */
    (void)files_allow(rules, files[i], LANDLOCK_ACCESS_FS_READ_FILE);
  (void)files_allow(rules, "/proc", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
  (void)files_allow(rules, "/sys", LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR);
  int done = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  close(rules);
  return done;
}
#else
int trm__sandbox_files(const char *const *files, int count) {
  (void)files, (void)count;
  return 0;
}
#endif

/* -- seccomp ------------------------------------------------------------------------------------------------------- */

#ifdef SANDBOX_NONE
int trm__sandbox_calls(int card) {
  (void)card;
  return 0;
}
#else

/* Programs, processes, sockets, other processes' insides, the machine. */
static const uint16_t calls_always[] = {
    SYS_execve,
    SYS_execveat,
    SYS_socket,
    SYS_socketpair,
    SYS_connect,
    SYS_bind,
    SYS_listen,
    SYS_accept,
    SYS_accept4,
    SYS_ptrace,
    SYS_kill,
    SYS_tkill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_process_vm_readv,
    SYS_setns,
    SYS_unshare,
    SYS_process_vm_writev,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_bpf,
    SYS_userfaultfd,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_setuid,
    SYS_setgid,
    SYS_setreuid,
    SYS_setregid,
    SYS_setresuid,
    SYS_setresgid,
    SYS_setgroups,
    SYS_capset,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_syslog,
    SYS_perf_event_open,
    SYS_personality,
    SYS_quotactl,
    SYS_open_by_handle_at,
    SYS_name_to_handle_at,
    SYS_fanotify_init,
    SYS_kcmp,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
#ifdef SYS_io_uring_setup
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
#endif
#ifdef SYS_pidfd_open
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
#endif
#ifdef SYS_pidfd_getfd
    SYS_pidfd_getfd,
#endif
#ifdef SYS_open_tree
    SYS_open_tree,
    SYS_move_mount,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
#endif
};

/* Files and folders that are made, changed or taken away. */
static const uint16_t calls_files[] = {
    SYS_unlinkat,     SYS_mkdirat,      SYS_linkat,       SYS_symlinkat,     SYS_mknodat,      SYS_renameat2,
    SYS_fchmodat,     SYS_fchownat,     SYS_fchmod,       SYS_fchown,        SYS_truncate,     SYS_ftruncate,
    SYS_fallocate,    SYS_utimensat,    SYS_setxattr,     SYS_lsetxattr,     SYS_fsetxattr,    SYS_removexattr,
    SYS_lremovexattr, SYS_fremovexattr, SYS_ioctl,        SYS_inotify_init1, SYS_memfd_create, SYS_shmget,
    SYS_msgget,       SYS_semget,       SYS_mq_open,
#ifdef SYS_renameat
    SYS_renameat,
#endif
#ifdef SYS_unlink
    SYS_unlink,       SYS_rename,       SYS_mkdir,        SYS_rmdir,         SYS_link,         SYS_symlink,
    SYS_mknod,        SYS_chmod,        SYS_chown,        SYS_lchown,        SYS_creat,        SYS_utime,
    SYS_utimes,       SYS_futimesat,    SYS_inotify_init,
#endif
};

enum { FILTER_MOST = 512 };

typedef struct calls_filter {
  struct sock_filter code[FILTER_MOST];
  unsigned short size;
} calls_filter;

static void filter_add(calls_filter *f, uint16_t code, uint8_t yes, uint8_t no, uint32_t k) {
  f->code[f->size++] = (struct sock_filter){code, yes, no, k};
}

static void filter_return(calls_filter *f, uint32_t what) {
  filter_add(f, BPF_RET | BPF_K, 0, 0, what);
}

/* Loads the lower half of an argument; the call's number is to be loaded again behind it. */
static void filter_load(calls_filter *f, size_t offset) {
  filter_add(f, BPF_LD | BPF_W | BPF_ABS, 0, 0, (uint32_t)offset);
}

static size_t filter_argument(int i) {
  return offsetof(struct seccomp_data, args) + (size_t)i * sizeof(uint64_t) +
         (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(uint32_t) : 0);
}

static void filter_refuse(calls_filter *f, uint32_t call, uint32_t error) {
  filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call);
  filter_return(f, SECCOMP_RET_ERRNO | error);
}

/* Refuses the call where one of these bits of the argument is set (want 0), or where none is (want 1). */
static void filter_refuse_bits(calls_filter *f, uint32_t call, int argument, uint32_t bits, int want, uint32_t error) {
  filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, call);
  filter_load(f, filter_argument(argument));
  filter_add(f, BPF_JMP | BPF_JSET | BPF_K, want ? 1 : 0, want ? 0 : 1, bits);
  filter_return(f, SECCOMP_RET_ERRNO | error);
  filter_return(f, SECCOMP_RET_ALLOW);
}

/* Refuses it where the argument is another number than this. */
static void filter_refuse_others(calls_filter *f, uint32_t call, int argument, uint32_t number, uint32_t error) {
  filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, call);
  filter_load(f, filter_argument(argument));
  filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, number);
  filter_return(f, SECCOMP_RET_ERRNO | error);
  filter_return(f, SECCOMP_RET_ALLOW);
}

static void filter_files(calls_filter *f) {
  const uint32_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND | (O_TMPFILE & ~O_DIRECTORY);
  for (size_t i = 0; i < sizeof calls_files / sizeof *calls_files; i++) filter_refuse(f, calls_files[i], EPERM);
  filter_refuse_bits(f, SYS_openat, 2, writing, 0, EACCES);
#ifdef SYS_open
  filter_refuse_bits(f, SYS_open, 1, writing, 0, EACCES);
#endif
#ifdef SYS_openat2
  filter_refuse(f, SYS_openat2, ENOSYS); /* its flags stand in memory, where a filter does not see them */
#endif
  filter_refuse_bits(f, SYS_mmap, 2, PROT_EXEC, 0, EPERM);
  filter_refuse_bits(f, SYS_mprotect, 2, PROT_EXEC, 0, EPERM);
}

static void filter_fill(calls_filter *f, int card) {
  filter_load(f, offsetof(struct seccomp_data, arch));
  filter_add(f, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SANDBOX_ARCH);
  filter_return(f, SECCOMP_RET_KILL_PROCESS);
  filter_load(f, offsetof(struct seccomp_data, nr));
#ifdef X32_BIT
  filter_add(f, BPF_JMP | BPF_JSET | BPF_K, 0, 1, X32_BIT);
  filter_return(f, SECCOMP_RET_KILL_PROCESS);
#endif
  filter_add(f, BPF_JMP | BPF_JGT | BPF_K, 0, 1, NEWEST);
  filter_return(f, SECCOMP_RET_ERRNO | ENOSYS);
  for (size_t i = 0; i < sizeof calls_always / sizeof *calls_always; i++) filter_refuse(f, calls_always[i], EPERM);
#ifdef SYS_clone3
  filter_refuse(f, SYS_clone3, ENOSYS); /* as openat2; the C library then calls clone */
#endif
  filter_refuse_bits(f, SYS_clone, 0, CLONE_THREAD, 1, EPERM);
  filter_refuse_others(f, SYS_tgkill, 0, (uint32_t)getpid(), EPERM); /* abort() signals itself */
  if (!card) filter_files(f);
  filter_return(f, SECCOMP_RET_ALLOW);
}

int trm__sandbox_calls(int card) {
  static calls_filter filter; /* large, and a process has one */
  memset(&filter, 0, sizeof filter);
  filter_fill(&filter, card);
  const struct sock_fprog program = {.len = filter.size, .filter = filter.code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}
#endif
