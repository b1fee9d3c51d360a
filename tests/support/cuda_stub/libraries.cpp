// Stand-ins for cuBLAS, cuBLASLt and cuDNN: each product, convolution or batch norm counts as one launch.
#include "stub.h"

#include <cstring>

// cudnn.h would declare these functions, with its own types.
enum { CUDNN_TYPE_INT64 = 3, CUDNN_TYPE_BACKEND_DESCRIPTOR = 15 };
enum { CUDNN_ATTR_ENGINEHEUR_RESULTS = 202, CUDNN_ATTR_ENGINECFG_ENGINE = 300, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG = 401 };

#define SUCCEEDS(name) EXPORT int name(...) { return 0; }
#define LAUNCHES(name) EXPORT int name(...) { if (health()) return 14; launched(#name); return 0; }
#define MAKES_FIRST(name) EXPORT int name(void** made, ...) { *made = fresh(); return 0; }

// --- cuBLAS (its headers need more of a toolkit than the wheels have: handles and enumerations are words here)
MAKES_FIRST(cublasCreate_v2) MAKES_FIRST(cublasLtMatmulDescCreate) MAKES_FIRST(cublasLtMatmulPreferenceCreate) MAKES_FIRST(cublasLtMatrixLayoutCreate)
SUCCEEDS(cublasDestroy_v2) SUCCEEDS(cublasSetStream_v2) SUCCEEDS(cublasSetWorkspace_v2) SUCCEEDS(cublasSetMathMode) SUCCEEDS(cublasSetPointerMode_v2)
SUCCEEDS(cublasSetSmCountTarget) SUCCEEDS(cublasLtMatmulAlgoConfigGetAttribute) SUCCEEDS(cublasLtMatmulAlgoConfigSetAttribute)
SUCCEEDS(cublasLtMatmulAlgoCheck) SUCCEEDS(cublasLtMatmulAlgoInit) SUCCEEDS(cublasLtMatmulDescDestroy) SUCCEEDS(cublasLtMatmulDescSetAttribute)
SUCCEEDS(cublasLtMatmulPreferenceDestroy) SUCCEEDS(cublasLtMatmulPreferenceSetAttribute) SUCCEEDS(cublasLtMatrixLayoutDestroy) SUCCEEDS(cublasLtMatrixLayoutSetAttribute)
LAUNCHES(cublasGemmEx) LAUNCHES(cublasGemmStridedBatchedEx) LAUNCHES(cublasSgemm_v2) LAUNCHES(cublasSgemmEx) LAUNCHES(cublasSgemmStridedBatched)
LAUNCHES(cublasLtMatmul) LAUNCHES(cublasSgemv_v2)
EXPORT int cublasGetMathMode(void*, int* mode) { *mode = 0; return 0; }
EXPORT int cublasGetPointerMode_v2(void*, int* mode) { *mode = 0; return 0; }
struct Heuristic { unsigned long long algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; };
EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, void*, void*, void*, void*, void*, void*, int, Heuristic found[], int* count) {
    memset(found, 0, sizeof found[0]);
    *count = 1;
    return 0;
}

// --- cuDNN: one engine for every graph of operations, without a workspace
MAKES_FIRST(cudnnCreate) MAKES_FIRST(cudnnCreateTensorDescriptor) MAKES_FIRST(cudnnCreateFilterDescriptor) MAKES_FIRST(cudnnCreateConvolutionDescriptor)
MAKES_FIRST(cudnnCreateActivationDescriptor) MAKES_FIRST(cudnnCreateDropoutDescriptor)
SUCCEEDS(cudnnSetStream) SUCCEEDS(cudnnDestroyTensorDescriptor) SUCCEEDS(cudnnDestroyFilterDescriptor) SUCCEEDS(cudnnDestroyConvolutionDescriptor)
SUCCEEDS(cudnnSetTensorNdDescriptor) SUCCEEDS(cudnnSetFilterNdDescriptor) SUCCEEDS(cudnnSetActivationDescriptor) SUCCEEDS(cudnnDestroyActivationDescriptor)
SUCCEEDS(cudnnBackendSetAttribute) SUCCEEDS(cudnnBackendFinalize)
LAUNCHES(cudnnBackendExecute) LAUNCHES(cudnnBatchNormalizationForwardTrainingEx) LAUNCHES(cudnnBatchNormalizationBackwardEx) LAUNCHES(cudnnBatchNormalizationForwardInference)
EXPORT int cudnnGetStream(void*, void** stream) { *stream = nullptr; return 0; }
EXPORT int cudnnBackendCreateDescriptor(int, void** made) { *made = fresh(); return 0; }
EXPORT int cudnnBackendDestroyDescriptor(void*) { return 0; }
EXPORT int cudnnBackendGetAttribute(void*, int attribute, int type, int64_t asked, int64_t* count, void* values) {
    int64_t found = 0;
    if (type == CUDNN_TYPE_BACKEND_DESCRIPTOR) {
        found = attribute == CUDNN_ATTR_ENGINEHEUR_RESULTS || attribute == CUDNN_ATTR_ENGINECFG_ENGINE || attribute == CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG;
    } else if (type == CUDNN_TYPE_INT64) {
        found = 1;
        if (asked >= 1 && values) *(int64_t*)values = 0;
    }
    if (count) *count = found;
    return 0;
}
EXPORT int cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize(void*, int, int, void*, void*, void*, void*, void*, size_t* size) { *size = 0; return 0; }
EXPORT int cudnnGetBatchNormalizationBackwardExWorkspaceSize(void*, int, int, void*, void*, void*, void*, void*, void*, void*, size_t* size) { *size = 0; return 0; }
EXPORT int cudnnGetBatchNormalizationTrainingExReserveSpaceSize(void*, int, int, void*, void*, size_t* size) { *size = 0; return 0; }
