// Stand-in for libcudart's memory, and for the driver's cuMem*, from which expandable segments are made.
// Memory of a card is memory of the host, which is given out only when it is written to.
#include "stub.h"

#include <cstring>
#include <sys/mman.h>

struct Range { size_t size; int card; };
static std::map<char*, Range>& device_ranges() { static auto* m = new std::map<char*, Range>; return *m; }
static std::map<char*, Range>& host_ranges() { static auto* m = new std::map<char*, Range>; return *m; }

static void* reserve(size_t size) {
    void* memory = mmap(nullptr, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}
static Range* find(std::map<char*, Range>& ranges, const void* pointer) {
    auto found = ranges.upper_bound((char*)pointer);
    if (found == ranges.begin()) return nullptr;
    --found;
    return (char*)pointer < found->first + (found->second.size ? found->second.size : 1) ? &found->second : nullptr;
}
bool is_device(const void* pointer) { return find(device_ranges(), pointer) != nullptr; }

#undef cudaMalloc
EXPORT cudaError_t cudaMalloc(void** pointer, size_t size) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    called("cudaMalloc");
    if (cudaError_t error = health()) return error;
    Card& here = card(current_card());
    void* memory = here.used + size > card_bytes() ? nullptr : reserve(size);
    if (!memory) return failed(cudaErrorMemoryAllocation);
    device_ranges()[(char*)memory] = {size, current_card()};
    here.used += size;
    *pointer = memory;
    return cudaSuccess;
}
EXPORT cudaError_t cudaFree(void* pointer) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    called("cudaFree");
    if (cudaError_t error = health()) return error;
    auto found = device_ranges().find((char*)pointer);
    if (found == device_ranges().end()) return cudaSuccess;
    munmap(pointer, found->second.size ? found->second.size : 1);
    card(found->second.card).used -= found->second.size;
    device_ranges().erase(found);
    return cudaSuccess;
}
EXPORT cudaError_t cudaMallocAsync(void** pointer, size_t size, cudaStream_t) { return cudaMalloc(pointer, size); }
EXPORT cudaError_t cudaFreeAsync(void* pointer, cudaStream_t) { return cudaFree(pointer); }
EXPORT cudaError_t cudaHostAlloc(void** pointer, size_t size, unsigned) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    called("cudaHostAlloc");
    *pointer = reserve(size);
    host_ranges()[(char*)*pointer] = {size, 0};
    return cudaSuccess;
}
EXPORT cudaError_t cudaFreeHost(void* pointer) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    auto found = host_ranges().find((char*)pointer);
    if (found != host_ranges().end()) { munmap(pointer, found->second.size); host_ranges().erase(found); }
    return cudaSuccess;
}
EXPORT cudaError_t cudaHostRegister(void*, size_t, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaHostUnregister(void*) { return cudaSuccess; }
EXPORT cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
    if (cudaError_t error = health()) return error;
    *total = card_bytes();
    *free = *total - card(current_card()).used;
    return cudaSuccess;
}
EXPORT cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* pointer) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    memset(a, 0, sizeof *a);
    Range* device = find(device_ranges(), pointer);
    Range* host = device ? nullptr : find(host_ranges(), pointer);
    a->type = device ? cudaMemoryTypeDevice : host ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
    a->device = device ? device->card : 0;
    if (device || host) a->devicePointer = (void*)pointer;
    if (!device) a->hostPointer = (void*)pointer;
    return cudaSuccess;
}

// --- copies
static cudaError_t copy(void* to, const void* from, size_t size, bool waits) {
    if (cudaError_t error = health()) return error;
    std::lock_guard<std::recursive_mutex> guard(lock());
    bool to_card = is_device(to), from_card = is_device(from);
    const char* pinned = find(host_ranges(), to_card ? from : to) ? "pinned" : "pageable";
    std::string name = to_card && from_card ? "D2D" : to_card ? std::string("H2D ") + pinned : from_card ? std::string("D2H ") + pinned : "H2H";
    called("memcpy " + name);
    if (waits && capturing()) return spoil_capture();
    if (!(to_card && from_card)) memcpy(to, from, size);
    return cudaSuccess;
}
EXPORT cudaError_t cudaMemcpy(void* to, const void* from, size_t size, cudaMemcpyKind) { return copy(to, from, size, true); }
EXPORT cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t size, cudaMemcpyKind, cudaStream_t) { return copy(to, from, size, false); }
EXPORT cudaError_t cudaMemcpy2DAsync(void*, size_t, const void*, size_t, size_t, size_t, cudaMemcpyKind, cudaStream_t) { called("memcpy 2D"); return health(); }
EXPORT cudaError_t cudaMemcpyPeerAsync(void*, int, const void*, int, size_t, cudaStream_t) { return health(); }
EXPORT cudaError_t cudaMemcpyToSymbol(const void*, const void*, size_t, size_t, cudaMemcpyKind) { return health(); }
EXPORT cudaError_t cudaMemset(void* pointer, int value, size_t size) {
    called("memset");
    if (size < (1 << 20)) memset(pointer, value, size);
    return health();
}
EXPORT cudaError_t cudaMemsetAsync(void* pointer, int value, size_t size, cudaStream_t) { return cudaMemset(pointer, value, size); }
EXPORT cudaError_t cudaDeviceGetDefaultMemPool(cudaMemPool_t* pool, int) { *pool = (cudaMemPool_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaMemPoolGetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
EXPORT cudaError_t cudaMemPoolSetAttribute(cudaMemPool_t, cudaMemPoolAttr, void*) { return cudaSuccess; }
EXPORT cudaError_t cudaMemPoolSetAccess(cudaMemPool_t, const cudaMemAccessDesc*, size_t) { return cudaSuccess; }
EXPORT cudaError_t cudaMemPoolTrimTo(cudaMemPool_t, size_t) { return cudaSuccess; }
EXPORT cudaError_t cudaDeviceGetGraphMemAttribute(int, cudaGraphMemAttributeType, void*) { return cudaSuccess; }
EXPORT cudaError_t cudaDeviceSetGraphMemAttribute(int, cudaGraphMemAttributeType, void*) { return cudaSuccess; }

// --- the driver's: addresses are reserved, memory is created, and mapped there
static const size_t kGranularity = 2 << 20;
static std::map<unsigned long long, Range>& created() { static auto* m = new std::map<unsigned long long, Range>; return *m; }

static int granularity(size_t* size, const void*, int) { *size = kGranularity; return 0; }
static int address_reserve(char** pointer, size_t size, size_t, unsigned long long, unsigned long long) { *pointer = (char*)reserve(size); return *pointer ? 0 : cudaErrorMemoryAllocation; }
static int address_free(char* pointer, size_t size) { munmap(pointer, size); return 0; }
static int create(unsigned long long* handle, size_t size, const void*, unsigned long long) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    called("cuMemCreate");
    if (health()) return cudaErrorIllegalAddress;
    Card& here = card(current_card());
    if (here.used + size > card_bytes()) return cudaErrorMemoryAllocation;
    here.used += size;
    *handle = (unsigned long long)fresh();
    created()[*handle] = {size, current_card()};
    return 0;
}
static int release(unsigned long long handle) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    auto found = created().find(handle);
    if (found == created().end()) return 0;
    card(found->second.card).used -= found->second.size;
    created().erase(found);
    return 0;
}
static int map(char* pointer, size_t size, size_t, unsigned long long, unsigned long long) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    device_ranges()[pointer] = {size, current_card()};
    return 0;
}
static int unmap(char* pointer, size_t size) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    auto from = device_ranges().lower_bound(pointer);
    while (from != device_ranges().end() && from->first < pointer + size) from = device_ranges().erase(from);
    return 0;
}

void* driver_function(const std::string& name) {
    static const std::map<std::string, void*> known = {
        {"cuMemGetAllocationGranularity", (void*)granularity}, {"cuMemAddressReserve", (void*)address_reserve},
        {"cuMemAddressFree", (void*)address_free}, {"cuMemCreate", (void*)create}, {"cuMemRelease", (void*)release},
        {"cuMemMap", (void*)map}, {"cuMemUnmap", (void*)unmap},
    };
    auto found = known.find(name);
    return found == known.end() ? nullptr : found->second;
}
