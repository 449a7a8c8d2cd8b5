// Enough of CUDA C++ for g++ to compile the kernels of minicap/cuda, and to run them without a GPU (tests/emulator.py).
//
// Blocks run one after another. The threads of a block take turns: one runs until it has to wait, at __syncthreads or
// in an exchange within its warp, then the next. A thread that waits keeps its own stack (a fiber); one that never waits
// borrows the stack of the thread before it, so that a plain kernel is a plain loop. What CUDA leaves undefined is an
// error here: a barrier that some threads never reach, or an exchange without a whole warp.
#pragma once
#undef _FORTIFY_SOURCE  // its longjmp takes another stack for a mistake
#include <ucontext.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#define __global__
#define __device__
#define __shared__ static  // one block at a time

struct Index {
    unsigned x, y, z;
};
static Index threadIdx, blockIdx, blockDim, gridDim;
using std::max;
using std::min;

namespace emulator {

constexpr unsigned WARP = 32, STACK = 1 << 16;
enum Status { WAITS_FOR_WARP, WAITS_FOR_BLOCK, RUNS, DONE };

struct Fiber {
    std::unique_ptr<char[]> stack{new char[STACK]};
    ucontext_t entry;
    jmp_buf where;
};

static std::vector<std::unique_ptr<Fiber>> fibers;  // all that were ever needed
static std::vector<Fiber*> unused;
static std::vector<Status> status;      // of each thread of the block
static std::vector<Fiber*> fiber_of;    // of each thread that waits
static std::vector<uint32_t> lanes[2];  // what each thread offers to its warp, in this exchange and in the next
static std::vector<unsigned> exchanges;  // of each thread so far
static Fiber* current;
static jmp_buf scheduler;
static unsigned thread, started, threads;
static bool backwards;  // the last thread first: a kernel that is right does not care
static std::function<void()> kernel;

static void take_turn(unsigned t)
{
    thread = t;
    threadIdx = {t, 0, 0};
    status[t] = RUNS;
}

static void wait(Status reason)
{
    const unsigned self = thread;
    status[self] = reason;
    fiber_of[self] = current;
    if (_setjmp(current->where) == 0)
        _longjmp(scheduler, 1);
    take_turn(self);
}

static void run_threads()
{
    while (started < threads) {
        const unsigned number = started++;
        take_turn(backwards ? threads - 1 - number : number);
        kernel();
        status[thread] = DONE;
    }
    unused.push_back(current);
    _longjmp(scheduler, 1);
}

// Run `fiber` from its beginning, or from where it waits, until it waits (again) or has nothing more to do.
static void resume(Fiber* fiber, bool from_beginning)
{
    current = fiber;
    if (_setjmp(scheduler) != 0)
        return;
    if (!from_beginning)
        _longjmp(fiber->where, 1);
    getcontext(&fiber->entry);
    fiber->entry.uc_stack.ss_sp = fiber->stack.get();
    fiber->entry.uc_stack.ss_size = STACK;
    makecontext(&fiber->entry, run_threads, 0);
    setcontext(&fiber->entry);
}

static bool all(unsigned begin, unsigned end, Status wanted)
{
    return std::all_of(status.begin() + begin, status.begin() + end, [&](Status s) { return s == wanted; });
}

static void release(unsigned begin, unsigned end)
{
    for (unsigned i = begin; i < end; ++i)
        resume(fiber_of[backwards ? begin + end - 1 - i : i], false);
}

static const char* run_block()
{
    for (started = 0; started < threads;) {
        if (unused.empty()) {
            fibers.push_back(std::make_unique<Fiber>());
            unused.push_back(fibers.back().get());
        }
        Fiber* const fiber = unused.back();
        unused.pop_back();
        resume(fiber, true);
    }
    while (!all(0, threads, DONE)) {
        bool moved = false;
        for (unsigned warp = 0; warp < threads; warp += WARP)
            while (warp + WARP <= threads && all(warp, warp + WARP, WAITS_FOR_WARP))
                release(warp, warp + WARP), moved = true;
        if (all(0, threads, WAITS_FOR_BLOCK))
            release(0, threads), moved = true;
        if (!moved)
            return "some threads wait at a barrier or in a warp that others never reach";
    }
    return nullptr;
}

// Launch `body` on sizes = {grid x, y, z, block x, y, z}; returns nullptr, or what went wrong.
static const char* launch(const unsigned* sizes, bool from_behind, std::function<void()> body)
{
    gridDim = {sizes[0], sizes[1], sizes[2]};
    blockDim = {sizes[3], sizes[4], sizes[5]};
    threads = blockDim.x;
    if (blockDim.y != 1 || blockDim.z != 1 || threads == 0 || threads > 1024)
        return "a block has 1 to 1024 threads in a row here";
    backwards = from_behind;
    kernel = body;
    for (auto& lane : lanes)
        lane.assign(threads, 0);
    const unsigned blocks = gridDim.x * gridDim.y * gridDim.z;
    for (unsigned i = 0; i < blocks; ++i) {
        const unsigned b = backwards ? blocks - 1 - i : i;
        blockIdx = {b % gridDim.x, b / gridDim.x % gridDim.y, b / gridDim.x / gridDim.y};
        status.assign(threads, RUNS);
        fiber_of.assign(threads, nullptr);
        exchanges.assign(threads, 0);
        if (const char* problem = run_block())
            return problem;
    }
    return nullptr;
}

// Offer a number to the warp; returns what its 32 threads have offered.
static const uint32_t* exchange(uint32_t value)
{
    auto& offered = lanes[exchanges[thread]++ % 2];  // in turns: a slow thread still reads the one before
    offered[thread] = value;
    wait(WAITS_FOR_WARP);
    return offered.data() + thread / WARP * WARP;
}

}  // namespace emulator

static inline void __syncthreads() { emulator::wait(emulator::WAITS_FOR_BLOCK); }

static inline float __shfl_xor_sync(unsigned, float value, int bits)
{
    const uint32_t* const offered = emulator::exchange(std::bit_cast<uint32_t>(value));
    return std::bit_cast<float>(offered[(emulator::thread % emulator::WARP) ^ bits]);
}

static inline unsigned __ballot_sync(unsigned, bool value)
{
    const uint32_t* const offered = emulator::exchange(value);
    unsigned ballot = 0;
    for (unsigned lane = 0; lane < emulator::WARP; ++lane)
        ballot |= offered[lane] << lane;
    return ballot;
}

static inline float atomicAdd(float* where, float value)
{
    const float before = *where;  // threads take turns here, so nobody comes between
    *where += value;
    return before;
}

static inline int __ffs(unsigned bits) { return bits ? std::countr_zero(bits) + 1 : 0; }
