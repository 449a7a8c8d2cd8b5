// The gradient of an embedding: every word's row is the sum of dy over the places where the word stands.
//
// dy: (M, E) float32; words: (M,) int64; total: (V, E). Grid: (V, parts of E), a block of 128 threads for one word and
// 128 columns. The block looks through all M words, 128 at a time. A ballot gives each warp a number whose bit k says
// whether lane k has found the word; then all threads walk over the bits and add those rows of dy.
//
// Replaces: cupy.add.at, which adds with atomics, in another order every time and one after another where words are
// frequent. Here the order is that of the batch, and a word that does not occur gets its zeros without a separate pass.
// Versions 1 and 2, the plain kernel and a step on the way: naive/embedding.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

#define WARPS 4

extern "C" __global__ void segment_sum(const float* dy, const long long* words, float* total, int M, int E)
{
    const int word = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int e = blockIdx.y * blockDim.x + threadIdx.x;
    __shared__ unsigned found[WARPS];
    float sum = 0;
    for (int begin = 0; begin < M; begin += 32 * WARPS) {
        const int m = begin + threadIdx.x;
        const unsigned ballot = __ballot_sync(0xffffffff, m < M && words[m] == word);
        if (lane == 0)
            found[warp] = ballot;
        __syncthreads();
        for (int w = 0; w < WARPS; ++w)
            for (unsigned bits = found[w]; bits; bits &= bits - 1)  // clears the lowest bit that is set
                if (e < E)
                    sum += dy[(size_t)(begin + 32 * w + __ffs(bits) - 1) * E + e];
        __syncthreads();  // before the next round overwrites `found`
    }
    if (e < E)
        total[(size_t)word * E + e] = sum;
}
