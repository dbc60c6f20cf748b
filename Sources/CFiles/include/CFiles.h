// Files that must not outlive the process, and names that must not be taken twice.
#pragma once

/// Remembers a path for `cfiles_temporary_remove_all`. Returns its slot, or -1 if the table is full or the path is too
/// long (the file is then merely not removed on Ctrl-C).
int cfiles_temporary_add(const char *path);

/// Forgets a slot; -1 is ignored.
void cfiles_temporary_forget(int slot);

/// Unlinks every remembered file. Only atomics and unlink(2): a signal handler may call it.
void cfiles_temporary_remove_all(void);

/// Renames the file or folder `from` to `to` unless `to` exists, also in a race. 0, or an errno (EEXIST: there was such a file).
int cfiles_rename_exclusively(const char *from, const char *to);
