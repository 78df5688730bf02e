/* A driver's library with memory on the host and no streams, for cuda-python's real bindings to call: what they ask for
 * by name, with what arguments, and in which context. Copies are checked against what was allocated. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef int Result;
enum { OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, NOT_FOUND = 500 };

static __thread int depth;
static char context;
#define NEEDS_CONTEXT if (!depth) return INVALID_CONTEXT

/* Every allocation has its size before it. */
static void *take(size_t size) {
    uint64_t *block = malloc(size + 16);
    if (!block) return NULL;
    block[0] = 0x4c505352;
    block[1] = size;
    return block + 2;
}
static int holds(const void *at, size_t size) {
    const uint64_t *block = (const uint64_t *)at - 2;
    return block[0] == 0x4c505352 && block[1] >= size;
}
static Result give_back(void *at) {
    uint64_t *block = (uint64_t *)at - 2;
    if (block[0] != 0x4c505352) return INVALID_VALUE;
    block[0] = 0;
    free(block);
    return OK;
}

Result cuInit(unsigned flags) { return flags; }
Result cuDriverGetVersion(int *version) { *version = 13000; return OK; }
Result cuDeviceGet(int *device, int index) { *device = index; return index ? 101 : OK; }
Result cuDeviceGetCount(int *count) { *count = 1; return OK; }
Result cuDeviceGetName(char *name, int size, int device) { snprintf(name, size, "Stand-in %d", device); return OK; }
Result cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 16 ? 16 : -1; /* major, minor, multiprocessors */
    return device;
}
Result cuDevicePrimaryCtxRetain(void **made, int device) { *made = &context; return device; }
Result cuCtxPushCurrent_v2(void *given) { if (given != &context) return INVALID_CONTEXT; ++depth; return OK; }
Result cuCtxPopCurrent_v2(void **old) { NEEDS_CONTEXT; --depth; if (old) *old = &context; return OK; }
Result cuMemAlloc_v2(uint64_t *address, size_t size) {
    NEEDS_CONTEXT;
    if (!size) return INVALID_VALUE;
    if (size > (size_t)1 << 40) return OUT_OF_MEMORY;
    *address = (uint64_t)take(size);
    return OK;
}
Result cuMemFree_v2(uint64_t address) { NEEDS_CONTEXT; return give_back((void *)address); }
Result cuMemHostAlloc(void **address, size_t size, unsigned flags) { NEEDS_CONTEXT; *address = take(size); return flags; }
Result cuMemFreeHost(void *address) {
    NEEDS_CONTEXT;
    puts("pinned memory freed");
    fflush(stdout);
    return give_back(address);
}
Result cuStreamCreate(void **stream, unsigned flags) { NEEDS_CONTEXT; *stream = take(1); return flags == 1 ? OK : INVALID_VALUE; }
Result cuStreamDestroy_v2(void *stream) { NEEDS_CONTEXT; return give_back(stream); }
Result cuStreamSynchronize(void *stream) { NEEDS_CONTEXT; return holds(stream, 1) ? OK : INVALID_VALUE; }
Result cuStreamWaitEvent(void *stream, void *event, unsigned flags) {
    NEEDS_CONTEXT;
    return holds(stream, 1) && holds(event, 2) && !flags ? OK : INVALID_VALUE;
}
Result cuEventCreate(void **event, unsigned flags) { NEEDS_CONTEXT; *event = take(2); return flags == 3 ? OK : INVALID_VALUE; }
Result cuEventDestroy_v2(void *event) { NEEDS_CONTEXT; return give_back(event); }
Result cuEventRecord(void *event, void *stream) { NEEDS_CONTEXT; return holds(event, 2) && holds(stream, 1) ? OK : INVALID_VALUE; }
Result cuEventSynchronize(void *event) { NEEDS_CONTEXT; return holds(event, 2) ? OK : INVALID_VALUE; }
Result cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
    NEEDS_CONTEXT;
    if (!holds((void *)to, size) || !holds(stream, 1)) return INVALID_VALUE;
    memcpy((void *)to, from, size);
    return OK;
}
Result cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t size, void *stream) {
    NEEDS_CONTEXT;
    if (!holds((void *)from, size) || !holds(stream, 1)) return INVALID_VALUE;
    memcpy(to, (void *)from, size);
    return OK;
}
Result cuGetErrorString(int code, const char **text) {
    *text = code == OUT_OF_MEMORY ? "out of memory" : code == INVALID_CONTEXT ? "invalid device context" : "invalid argument";
    return OK;
}

/* How the bindings find everything: by name, the newest form first. */
Result cuGetProcAddress_v2(const char *symbol, void **found, int version, uint64_t flags, int *status) {
    static const char *const forms[] = {"%s_v2", "%s"};
    static void *self;
    char name[128];
    Dl_info info;
    (void)version, (void)flags;
    if (!self && dladdr((void *)cuInit, &info)) self = dlopen(info.dli_fname, RTLD_NOW);
    *found = NULL;
    for (size_t each = 0; each < 2 && !*found; ++each) {
        snprintf(name, sizeof name, forms[each], symbol);
        *found = dlsym(self, name);
    }
    if (status) *status = *found ? 0 : 1;
    return *found ? OK : NOT_FOUND;
}
