// A disk that loses what was not synced, for one process. Loaded with LD_PRELOAD, this library copies to a second
// directory, the durable copy, what each successful fsync and fdatasync makes durable on the disk, and nothing else. A
// killed process then leaves two directories: the disk, with everything that it has written, and the durable copy, with
// what a loss of power at that moment would have left.
//
//   LOSSY_DISK          the directory that is the disk, as realpath prints it
//   LOSSY_DISK_DURABLE  a directory with names/, at the start a copy of the disk, and contents/, at the start empty
//   LOSSY_DISK_IGNORES  a pattern of paths on the disk whose syncs are not copied: a disk that lies
//
// What is durable, and when:
//
// - The bytes of a file: those that it had when fsync or fdatasync began, once the call has succeeded.
// - The name of a file: after fsync of its directory; or after a sync of the file itself, under the name that it has at
//   that time. POSIX guarantees only the first, but ext4, XFS and Btrfs do the second for new files, and LevelDB relies
//   on it whenever it begins a new log.
// - The name of a directory, a rename over an existing name, and the removal of a name: only after fsync of the parent
//   directory. Most file systems do more. Nothing is found in a directory whose name is not durable yet, and what is
//   synced in it before that counts only from its next sync on.
//
// The bytes of a file without a durable name are in contents/; names/ has hard links to them. The broker syncs in no
// other way (sync, syncfs, msync, O_SYNC), and has only regular files on the disk.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES 8192
#define NONE ((size_t)-1)

typedef int (*Sync)(int descriptor);

// A file of the disk, known by its inode, whatever its names. It stays open so that no other file gets the number of
// its inode, and also because closing it would release the lock that LevelDB has on its directory.
typedef struct {
  dev_t device;
  ino_t inode;
  int file;
  int content;
} File;

// What a directory of the disk has under a name: a directory, a file, or NONE, if that has just changed.
typedef struct {
  char name[256];
  int is_directory;
  size_t file;
} Entry;

typedef struct {
  Entry *entries;
  size_t count;
} Listing;

static const char *disk, *durable, *ignored;
static Sync real_fsync, real_fdatasync;

// One sync at a time; LevelDB has two threads that sync.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static File *files;
static size_t files_count;

static void need(int is_so, const char *what) {
  if (is_so) return;
  fprintf(stderr, "lossy-disk: %s: %s\n", what, strerror(errno));
  abort();
}

__attribute__((format(printf, 2, 3))) static void format(char *text, const char *pattern, ...) {
  va_list arguments;
  va_start(arguments, pattern);
  int length = vsnprintf(text, PATH_BYTES, pattern, arguments);
  va_end(arguments);
  errno = ENAMETOOLONG;
  need(length >= 0 && length < PATH_BYTES, pattern);
}

static void path_in_copy(char *text, const char *path) { format(text, "%s/names%s", durable, path + strlen(disk)); }

static void path_of_content(char *text, size_t file) { format(text, "%s/contents/%zu", durable, file); }

// The number of a file of the disk; NONE: it has just gone, or another has its name. `name`: the one that it has in the
// durable copy already; NULL: none.
static size_t file_at(const char *path, const struct stat *status, const char *name) {
  for (size_t i = 0; i < files_count; i++)
    if (files[i].device == status->st_dev && files[i].inode == status->st_ino) return i;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 && errno == ENOENT) return NONE;
  need(file >= 0, path);
  struct stat opened;
  need(fstat(file, &opened) == 0, path);
  if (opened.st_ino != status->st_ino) return NONE;
  char content[PATH_BYTES];
  path_of_content(content, files_count);
  if (name != NULL) need(link(name, content) == 0, name);
  int copy = open(content, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  need(copy >= 0, content);
  files = realloc(files, (files_count + 1) * sizeof *files);
  need(files != NULL, "files");
  files[files_count] = (File){status->st_dev, status->st_ino, file, copy};
  return files_count++;
}

static void write_content(const File *file, off_t size) {
  static char bytes[1 << 18];
  for (off_t at = 0; at < size;) {
    size_t most = size - at < (off_t)sizeof bytes ? (size_t)(size - at) : sizeof bytes;
    ssize_t length = pread(file->file, bytes, most, at);
    need(length > 0, "the bytes of a file");
    need(pwrite(file->content, bytes, (size_t)length, at) == length, "a write to the durable copy");
    at += length;
  }
  need(ftruncate(file->content, size) == 0, "the size of a file");
}

static int is_directory(const char *path) {
  struct stat status;
  return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

// At one stroke, as a kill may come at any moment.
static void write_name(const char *name, size_t file) {
  char content[PATH_BYTES], new_name[PATH_BYTES];
  struct stat wanted, found;
  path_of_content(content, file);
  need(stat(content, &wanted) == 0, content);
  if (stat(name, &found) == 0 && found.st_ino == wanted.st_ino) return;
  format(new_name, "%s/contents/new-name", durable);
  need(link(content, new_name) == 0, new_name);
  need(rename(new_name, name) == 0, name);
}

static Listing listing_of(const char *directory, int is_in_copy) {
  struct dirent **found;
  int count = scandir(directory, &found, NULL, alphasort);
  need(count >= 0, directory);
  Listing listing = {calloc((size_t)count, sizeof(Entry)), 0};
  need(listing.entries != NULL, directory);
  for (int i = 0; i < count; i++) {
    const char *name = found[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
      char path[PATH_BYTES], twin[PATH_BYTES];
      struct stat status;
      Entry *entry = &listing.entries[listing.count++];
      strcpy(entry->name, name);
      format(path, "%s/%s", directory, name);
      path_in_copy(twin, path);
      int is_there = stat(path, &status) == 0;
      entry->is_directory = is_there && S_ISDIR(status.st_mode);
      // A socket has no content: it is gone after a power cut.
      int is_file = is_there && S_ISREG(status.st_mode);
      entry->file = is_file ? file_at(path, &status, is_in_copy ? twin : NULL) : NONE;
    }
    free(found[i]);
  }
  free(found);
  return listing;
}

static int has_name(const Listing *listing, const char *name) {
  for (size_t i = 0; i < listing->count; i++)
    if (strcmp(listing->entries[i].name, name) == 0) return 1;
  return 0;
}

// One name after the other: a kill in between leaves some of it, as no file system with a journal would. That matters
// only to the first opening of a store, later names do not need each other.
static void write_names(const char *directory, const Listing *listing) {
  char there[PATH_BYTES], path[PATH_BYTES];
  path_in_copy(there, directory);
  if (!is_directory(there)) return;
  for (size_t i = 0; i < listing->count; i++) {
    const Entry *entry = &listing->entries[i];
    format(path, "%s/%s", there, entry->name);
    if (entry->file != NONE) write_name(path, entry->file);
    if (entry->is_directory && mkdir(path, 0700) != 0) need(errno == EEXIST, path);
  }
  struct dirent **found;
  int count = scandir(there, &found, NULL, NULL);
  need(count >= 0, there);
  for (int i = 0; i < count; i++) {
    const char *name = found[i]->d_name;
    if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && !has_name(listing, name)) {
      format(path, "%s/%s", there, name);
      need(remove(path) == 0, path);
    }
    free(found[i]);
  }
  free(found);
}

static int sync_directory(Sync sync, int descriptor, const char *path) {
  Listing listing = listing_of(path, 0);
  int result = sync(descriptor);
  if (result == 0) write_names(path, &listing);
  free(listing.entries);
  return result;
}

static int sync_file(Sync sync, int descriptor, const char *path, const struct stat *status) {
  char name[PATH_BYTES], directory[PATH_BYTES];
  size_t file = file_at(path, status, NULL);
  int result = sync(descriptor);
  if (result != 0 || file == NONE) return result;
  write_content(&files[file], status->st_size);
  path_in_copy(name, path);
  format(directory, "%.*s", (int)(strrchr(name, '/') - name), name);
  if (is_directory(directory)) write_name(name, file);
  return 0;
}

// Whether the open file is on the disk and has a name there.
static int is_on_disk(int descriptor, char *path, struct stat *status) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, PATH_BYTES - 1);
  if (length < 0 || fstat(descriptor, status) != 0 || status->st_nlink == 0) return 0;
  path[length] = '\0';
  size_t above = strlen(disk);
  return strncmp(path, disk, above) == 0 && (path[above] == '/' || path[above] == '\0');
}

static int sync_through(Sync sync, int descriptor) {
  char path[PATH_BYTES];
  struct stat status;
  if (disk == NULL || !is_on_disk(descriptor, path, &status) || (ignored != NULL && fnmatch(ignored, path, 0) == 0)) return sync(descriptor);
  pthread_mutex_lock(&mutex);
  int result = S_ISDIR(status.st_mode) ? sync_directory(sync, descriptor, path) : sync_file(sync, descriptor, path, &status);
  int error = errno;
  pthread_mutex_unlock(&mutex);
  errno = error;
  return result;
}

int fsync(int descriptor) { return sync_through(real_fsync, descriptor); }

int fdatasync(int descriptor) { return sync_through(real_fdatasync, descriptor); }

// Which of the durable files is which of the disk's.
static void pair(const char *directory) {
  Listing listing = listing_of(directory, 1);
  for (size_t i = 0; i < listing.count; i++) {
    char path[PATH_BYTES];
    format(path, "%s/%s", directory, listing.entries[i].name);
    if (listing.entries[i].is_directory) pair(path);
  }
  free(listing.entries);
}

__attribute__((constructor)) static void begin(void) {
  real_fsync = (Sync)dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = (Sync)dlsym(RTLD_NEXT, "fdatasync");
  durable = getenv("LOSSY_DISK_DURABLE");
  ignored = getenv("LOSSY_DISK_IGNORES");
  const char *directory = getenv("LOSSY_DISK");
  if (directory == NULL || durable == NULL) return;
  disk = directory;
  pair(disk);
}
