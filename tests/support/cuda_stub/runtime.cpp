// Stand-in for libcudart: cards, launches, streams, events and graphs. No kernel runs.
#include "stub.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

static const cudaError_t kNoKernelImage = cudaErrorNoKernelImageForDevice;  // 209
static const int kOldest = 75;                                              // that the wheel has kernels for

static std::map<std::string, long>& calls() { static auto* m = new std::map<std::string, long>; return *m; }
static std::map<std::string, long>& kernels() { static auto* m = new std::map<std::string, long>; return *m; }
static std::map<const void*, std::string>& kernel_names() { static auto* m = new std::map<const void*, std::string>; return *m; }
static thread_local cudaError_t last_error = cudaSuccess;
static thread_local int chosen = 0;
static cudaStream_t captured_stream = nullptr;
static bool capture_open = false, capture_spoilt = false;

std::recursive_mutex& lock() { static auto* m = new std::recursive_mutex; return *m; }

static long setting(const char* name, long otherwise) { const char* text = getenv(name); return text ? atol(text) : otherwise; }
size_t card_bytes() { return size_t(setting("STUB_MEM_MB", 80000)) << 20; }
int driver_version() { return setting("STUB_DRIVER", 13000); }

static std::vector<int> numbers(const char* text) {
    std::vector<int> found;
    std::stringstream stream(text ? text : "");
    for (std::string part; std::getline(stream, part, ',');) found.push_back(atoi(part.c_str()));
    return found;
}

static std::vector<Card>& cards() {
    static auto* all = [] {
        auto* made = new std::vector<Card>;
        const char* visible = getenv("CUDA_VISIBLE_DEVICES");
        std::vector<int> capabilities = numbers(getenv("STUB_CC"));
        int count = setting("STUB_DEVICES", 1);
        std::vector<int> shown = numbers(visible);
        if (!visible) for (int i = 0; i < count; i++) shown.push_back(i);
        for (int physical : shown) {
            if (physical < 0 || physical >= count) break;  // as CUDA does: what follows is not seen
            Card one;
            one.physical = physical;
            if (!capabilities.empty()) one.capability = capabilities[physical % capabilities.size()];
            made->push_back(one);
        }
        return made;
    }();
    return *all;
}
int card_count() { return cards().size(); }
Card& card(int visible) { return cards().at(visible); }
int current_card() { return chosen; }

void called(const std::string& name) { std::lock_guard<std::recursive_mutex> guard(lock()); calls()[name]++; }
void launched(const std::string& kernel) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    kernels()[kernel]++;
    calls()["launch"]++;
}
cudaError_t failed(cudaError_t error) { if (error) last_error = error; return error; }
void* fresh() { static std::atomic<long> next{4096}; return (void*)(next += 16); }

// A file STUB_BREAK.N breaks card N for this process, for good.
cudaError_t health() {
    static std::map<int, bool> broken;
    const char* prefix = getenv("STUB_BREAK");
    if (!prefix || card_count() == 0) return cudaSuccess;
    std::lock_guard<std::recursive_mutex> guard(lock());
    bool& dead = broken[chosen];
    if (!dead) dead = access((std::string(prefix) + "." + std::to_string(card(chosen).physical)).c_str(), F_OK) == 0;
    return dead ? failed(cudaErrorIllegalAddress) : cudaSuccess;
}

EXPORT void stub_reset() { std::lock_guard<std::recursive_mutex> guard(lock()); calls().clear(); kernels().clear(); }
EXPORT long stub_dump(char* buffer, long size) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    std::string text;
    for (auto& [name, count] : calls()) text += "C " + std::to_string(count) + " " + name + "\n";
    for (auto& [name, count] : kernels()) text += "K " + std::to_string(count) + " " + name + "\n";
    if ((long)text.size() + 1 > size) return -(long)text.size() - 1;
    memcpy(buffer, text.c_str(), text.size() + 1);
    return text.size();
}
EXPORT long stub_used(int visible) { return card(visible).used; }

// --- registration and launch
static cudaError_t launch(const void* function) {
    if (cudaError_t error = health()) return error;
    if (card(chosen).capability < kOldest) return failed(kNoKernelImage);
    auto found = kernel_names().find(function);
    launched(found == kernel_names().end() ? "?" : found->second);
    return cudaSuccess;
}
EXPORT void** __cudaRegisterFatBinary(void*) { static void* handle = nullptr; return &handle; }
EXPORT void __cudaRegisterFatBinaryEnd(void**) {}
EXPORT void __cudaUnregisterFatBinary(void**) {}
EXPORT void __cudaRegisterVar(void**, char*, char*, const char*, int, size_t, int, int) {}
EXPORT char __cudaInitModule(void**) { return 0; }
EXPORT void __cudaRegisterFunction(void**, const char* host, char*, const char* name, int, uint3*, uint3*, dim3*, dim3*, int*) {
    std::lock_guard<std::recursive_mutex> guard(lock());
    kernel_names()[host] = name;
}
struct Configuration { dim3 grid, block; size_t shared; cudaStream_t stream; };
static thread_local Configuration configuration;
EXPORT unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, cudaStream_t stream) { configuration = {grid, block, shared, stream}; return 0; }
EXPORT cudaError_t __cudaPopCallConfiguration(dim3* grid, dim3* block, size_t* shared, void* stream) {
    *grid = configuration.grid; *block = configuration.block; *shared = configuration.shared;
    *(cudaStream_t*)stream = configuration.stream;
    return cudaSuccess;
}
EXPORT cudaError_t __cudaGetKernel(cudaKernel_t* kernel, const void* function) { *kernel = (cudaKernel_t)function; return cudaSuccess; }
EXPORT cudaError_t __cudaLaunchKernel(cudaKernel_t kernel, dim3, dim3, void**, size_t, cudaStream_t) { return launch((const void*)kernel); }
EXPORT cudaError_t cudaLaunchKernel(const void* function, dim3, dim3, void**, size_t, cudaStream_t) { return launch(function); }
EXPORT cudaError_t cudaLaunchKernelExC(const cudaLaunchConfig_t*, const void* function, void**) { return launch(function); }
EXPORT cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* a, const void*) {
    memset(a, 0, sizeof *a);
    a->maxThreadsPerBlock = 1024; a->numRegs = 32; a->binaryVersion = a->ptxVersion = 90; a->maxDynamicSharedSizeBytes = 49152;
    return cudaSuccess;
}
EXPORT cudaError_t cudaFuncSetAttribute(const void*, cudaFuncAttribute, int) { return cudaSuccess; }
EXPORT cudaError_t cudaKernelSetAttributeForDevice(cudaKernel_t, enum cudaFuncAttribute, int, int) { return cudaSuccess; }
EXPORT cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* n, const void*, int, size_t, unsigned) { *n = 8; return cudaSuccess; }
EXPORT cudaError_t cudaGetSymbolAddress(void** pointer, const void*) {
    static void* symbols = mmap(nullptr, 1 << 24, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    *pointer = symbols;
    return cudaSuccess;
}

// --- cards
EXPORT cudaError_t cudaGetDeviceCount(int* count) {
    *count = 0;
    if (driver_version() < 13000) return failed(cudaErrorInsufficientDriver);
    *count = card_count();
    return *count ? cudaSuccess : failed(cudaErrorNoDevice);
}
EXPORT cudaError_t cudaGetDevice(int* device) { *device = chosen; return cudaSuccess; }
EXPORT cudaError_t cudaSetDevice(int device) {
    if (device < 0 || device >= card_count()) return failed(cudaErrorInvalidDevice);
    chosen = device;
    return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceSynchronize() {
    called("cudaDeviceSynchronize");
    if (cudaError_t error = health()) return error;
    return capture_open ? spoil_capture() : cudaSuccess;
}
EXPORT cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int device) {
    memset(p, 0, sizeof *p);
    snprintf(p->name, sizeof p->name, "Stub card %d", card(device).physical);
    p->uuid.bytes[0] = 1 + card(device).physical;
    p->totalGlobalMem = card_bytes(); p->major = card(device).capability / 10; p->minor = card(device).capability % 10;
    p->multiProcessorCount = 132; p->maxThreadsPerBlock = 1024; p->maxThreadsPerMultiProcessor = 2048; p->warpSize = 32;
    p->sharedMemPerBlock = 49152; p->sharedMemPerBlockOptin = 232448; p->sharedMemPerMultiprocessor = 233472;
    p->regsPerMultiprocessor = p->regsPerBlock = 65536; p->l2CacheSize = 50 << 20; p->memoryBusWidth = 5120;
    p->maxGridSize[0] = 2147483647; p->maxGridSize[1] = p->maxGridSize[2] = 65535;
    p->maxThreadsDim[0] = p->maxThreadsDim[1] = 1024; p->maxThreadsDim[2] = 64;
    p->unifiedAddressing = p->canMapHostMemory = p->concurrentKernels = p->cooperativeLaunch = 1; p->textureAlignment = 512;
    return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
    switch (attribute) {
        case cudaDevAttrComputeCapabilityMajor: *value = card(device).capability / 10; break;
        case cudaDevAttrComputeCapabilityMinor: *value = card(device).capability % 10; break;
        case cudaDevAttrMultiProcessorCount: *value = 132; break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 232448; break;
        case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
        case cudaDevAttrWarpSize: *value = 32; break;
        default: *value = 1;
    }
    return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) { *can = 0; return cudaSuccess; }
EXPORT cudaError_t cudaDeviceEnablePeerAccess(int, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { *least = 0; *greatest = -5; return cudaSuccess; }
EXPORT cudaError_t cudaDeviceGetPCIBusId(char* text, int size, int device) { snprintf(text, size, "0000:%02x:00.0", card(device).physical); return cudaSuccess; }
EXPORT cudaError_t cudaDriverGetVersion(int* version) { *version = driver_version(); return cudaSuccess; }
EXPORT cudaError_t cudaRuntimeGetVersion(int* version) { *version = 13000; return cudaSuccess; }
EXPORT const char* cudaGetErrorName(cudaError_t error) { static thread_local char text[32]; snprintf(text, 32, "code %d", (int)error); return text; }
EXPORT const char* cudaGetErrorString(cudaError_t error) {
    switch (error) {
        case cudaErrorMemoryAllocation: return "out of memory";
        case cudaErrorInsufficientDriver: return "CUDA driver version is insufficient for CUDA runtime version";
        case cudaErrorNoDevice: return "no CUDA-capable device is detected";
        case cudaErrorNoKernelImageForDevice: return "no kernel image is available for execution on the device";
        case cudaErrorIllegalAddress: return "an illegal memory access was encountered";
        case cudaErrorStreamCaptureUnsupported: return "operation not permitted when stream is capturing";
        case cudaErrorStreamCaptureInvalidated: return "operation failed due to a previous error during capture";
        default: static thread_local char text[32]; snprintf(text, 32, "error %d", (int)error); return text;
    }
}
EXPORT cudaError_t cudaGetLastError() {
    if (cudaError_t error = health()) return error;
    cudaError_t error = last_error;
    last_error = cudaSuccess;
    return error;
}
EXPORT cudaError_t cudaPeekAtLastError() { return last_error; }
EXPORT cudaError_t cudaProfilerStart() { return cudaSuccess; }
EXPORT cudaError_t cudaProfilerStop() { return cudaSuccess; }
static int context_state(int, unsigned* flags, int* active) { if (flags) *flags = 0; if (active) *active = 1; return 0; }
static int succeeds(...) { return 0; }
EXPORT cudaError_t cudaGetDriverEntryPointByVersion(const char* name, void** function, unsigned, unsigned long long, cudaDriverEntryPointQueryResult* result) {
    void* found = driver_function(name);
    *function = found ? found : strcmp(name, "cuDevicePrimaryCtxGetState") ? (void*)succeeds : (void*)context_state;
    if (result) *result = cudaDriverEntryPointSuccess;
    return cudaSuccess;
}

// --- streams and events
bool capturing() { return capture_open; }
cudaError_t spoil_capture() { capture_spoilt = true; return failed(cudaErrorStreamCaptureUnsupported); }
static cudaError_t waits(const char* name, bool spoils) {
    called(name);
    if (cudaError_t error = health()) return error;
    return spoils ? spoil_capture() : cudaSuccess;
}
EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream) { *stream = (cudaStream_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) { return cudaStreamCreate(stream); }
EXPORT cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned, int) { return cudaStreamCreate(stream); }
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t) { return cudaSuccess; }
EXPORT cudaError_t cudaStreamGetPriority(cudaStream_t, int* priority) { *priority = 0; return cudaSuccess; }
EXPORT cudaError_t cudaStreamQuery(cudaStream_t) { return waits("cudaStreamQuery", false); }
EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t stream) { return waits("cudaStreamSynchronize", capture_open && stream == captured_stream); }
EXPORT cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t callback, void* data, unsigned) { callback(stream, cudaSuccess, data); return cudaSuccess; }
EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t function, void* data) { function(data); return cudaSuccess; }
EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event) { *event = (cudaEvent_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) { return cudaEventCreate(event); }
EXPORT cudaError_t cudaEventDestroy(cudaEvent_t) { return cudaSuccess; }
EXPORT cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t, cudaEvent_t) { *milliseconds = 1; return cudaSuccess; }
EXPORT cudaError_t cudaEventQuery(cudaEvent_t) { return health(); }
EXPORT cudaError_t cudaEventRecord(cudaEvent_t, cudaStream_t) { return cudaSuccess; }
EXPORT cudaError_t cudaEventRecordWithFlags(cudaEvent_t, cudaStream_t, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaEventSynchronize(cudaEvent_t) { return waits("cudaEventSynchronize", capture_open); }

// --- graphs
EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    called("cudaStreamBeginCapture");
    capture_open = true; capture_spoilt = false; captured_stream = stream;
    return cudaSuccess;
}
EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t, cudaGraph_t* graph) {
    capture_open = false;
    *graph = (cudaGraph_t)fresh();
    return capture_spoilt ? failed(cudaErrorStreamCaptureInvalidated) : cudaSuccess;
}
static cudaStreamCaptureStatus status_of(cudaStream_t stream) {
    return capture_open && stream == captured_stream ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
}
EXPORT cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) { *status = status_of(stream); return cudaSuccess; }
EXPORT cudaError_t cudaStreamGetCaptureInfo(cudaStream_t stream, cudaStreamCaptureStatus* status, unsigned long long* id, cudaGraph_t* graph, const cudaGraphNode_t** nodes, const cudaGraphEdgeData** edges, size_t* count) {
    *status = status_of(stream);
    if (id) *id = 1;
    if (graph) *graph = (cudaGraph_t)16;
    if (nodes) *nodes = nullptr;
    if (edges) *edges = nullptr;
    if (count) *count = 0;
    return cudaSuccess;
}
EXPORT cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t, cudaGraphNode_t*, const cudaGraphEdgeData*, size_t, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode*) { return cudaSuccess; }
EXPORT cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t, unsigned long long) { *executable = (cudaGraphExec_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t, cudaStream_t) { called("cudaGraphLaunch"); return health(); }
EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t) { return cudaSuccess; }
EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t) { return cudaSuccess; }
EXPORT cudaError_t cudaGraphGetNodes(cudaGraph_t, cudaGraphNode_t*, size_t* count) { *count = 1; return cudaSuccess; }
EXPORT cudaError_t cudaGraphRetainUserObject(cudaGraph_t, cudaUserObject_t, unsigned, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaUserObjectCreate(cudaUserObject_t* object, void*, cudaHostFn_t, unsigned, unsigned) { *object = (cudaUserObject_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaUserObjectRelease(cudaUserObject_t, unsigned) { return cudaSuccess; }
EXPORT cudaError_t cudaLibraryLoadData(cudaLibrary_t* library, const void*, enum cudaJitOption*, void**, unsigned, enum cudaLibraryOption*, void**, unsigned) { *library = (cudaLibrary_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaLibraryGetKernel(cudaKernel_t* kernel, cudaLibrary_t, const char*) { *kernel = (cudaKernel_t)fresh(); return cudaSuccess; }
EXPORT cudaError_t cudaLibraryUnload(cudaLibrary_t) { return cudaSuccess; }
