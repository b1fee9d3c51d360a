// Stand-in for libnvidia-ml.so.1, which torch asks about links between cards before it maps expandable segments.
#define EXPORT extern "C" __attribute__((visibility("default")))
#define UNSUPPORTED(name) EXPORT int name(...) { return 3; }
EXPORT int nvmlInit_v2() { return 0; }
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char*, void** device) { *device = (void*)16; return 0; }
UNSUPPORTED(nvmlDeviceGetGpuFabricInfoV) UNSUPPORTED(nvmlDeviceGetComputeRunningProcesses) UNSUPPORTED(nvmlSystemGetCudaDriverVersion_v2)
UNSUPPORTED(nvmlDeviceGetNvLinkRemoteDeviceType) UNSUPPORTED(nvmlDeviceGetNvLinkRemotePciInfo_v2) UNSUPPORTED(nvmlDeviceGetNvLinkState)
UNSUPPORTED(nvmlDeviceGetNvLinkCapability) UNSUPPORTED(nvmlDeviceGetHandleByIndex_v2) UNSUPPORTED(nvmlDeviceGetCount_v2)
