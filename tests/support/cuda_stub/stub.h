// What the parts of the stand-in share: cards, their memory, and what has been called.
#pragma once
#include <cuda_runtime_api.h>
#include <map>
#include <mutex>
#include <string>

#define EXPORT extern "C" __attribute__((visibility("default")))

struct Card {
    int physical = 0;     // its number in the machine, whatever CUDA_VISIBLE_DEVICES calls it
    int capability = 90;  // 90 is compute capability 9.0
    size_t used = 0;      // bytes taken
};

extern std::recursive_mutex& lock();
extern int card_count();
extern Card& card(int visible);
extern int current_card();
extern size_t card_bytes();
extern int driver_version();

extern void called(const std::string& name);          // counted under "C"
extern void launched(const std::string& kernel);      // counted under "K" and as a launch
extern cudaError_t failed(cudaError_t error);         // kept for cudaGetLastError
extern cudaError_t health();                          // of the current card: broken is for ever
extern void* fresh();                                 // a handle that no other has

extern bool is_device(const void* pointer);
extern void* driver_function(const std::string& name);  // of memory.cpp; null where it has none
extern bool capturing();
extern cudaError_t spoil_capture();
