// A fixed table, because a signal handler may neither allocate nor lock.
#define _GNU_SOURCE
#include "CFiles.h"
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

enum { SLOTS = 64, PATH_SIZE = 4096 };
enum { FREE, FILLING, HELD };
static char paths[SLOTS][PATH_SIZE];
static atomic_int states[SLOTS];

int cfiles_temporary_add(const char *path) {
  size_t size = strlen(path) + 1;
  if (size > PATH_SIZE) return -1;
  for (int slot = 0; slot < SLOTS; slot++) {
    int expected = FREE;
    if (!atomic_compare_exchange_strong(&states[slot], &expected, FILLING)) continue;
    memcpy(paths[slot], path, size);
    atomic_store(&states[slot], HELD); // only a complete path is ever seen by the handler
    return slot;
  }
  return -1;
}

void cfiles_temporary_forget(int slot) {
  if (slot >= 0 && slot < SLOTS) atomic_store(&states[slot], FREE);
}

void cfiles_temporary_remove_all(void) {
  int saved = errno;
  for (int slot = 0; slot < SLOTS; slot++)
    if (atomic_load(&states[slot]) == HELD) unlink(paths[slot]);
  errno = saved;
}

int cfiles_rename_exclusively(const char *from, const char *to) {
#if defined(__linux__) && defined(SYS_renameat2)
  const unsigned no_replace = 1; // RENAME_NOREPLACE
  if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, no_replace) == 0) return 0;
  if (errno != EINVAL && errno != ENOSYS) return errno;
#endif
  // Older kernels and some file systems: a hard link never replaces either.
  if (link(from, to) == 0) {
    unlink(from);
    return 0;
  }
  if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return errno;
  // A folder, or no hard links here (FAT): claim the name with an empty one of our own, then replace that.
  struct stat status;
  const int is_folder = stat(from, &status) == 0 && S_ISDIR(status.st_mode);
  const int made = is_folder ? mkdir(to, 0777) : open(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (made < 0) return errno;
  if (!is_folder) close(made);
  if (rename(from, to) == 0) return 0;
  int error = errno;
  if (is_folder) rmdir(to);
  else unlink(to);
  return error;
}
