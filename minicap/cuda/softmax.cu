// Softmax and cross-entropy of every row of a matrix, one block of threads a row.
//
//     log_softmax             log_p = logits - log Σ exp(logits)
//     cross_entropy           p = softmax(logits),  loss = (1 - ε) · -log p[target] + ε · mean(-log p)
//     cross_entropy_backward  dlogits = (p - (1 - ε) one-hot - ε/V) · dloss, in place of p
//
// logits, log_p, p: (rows, V) float32; targets: (rows,) int64 from 0 to V - 1, which is not checked; loss: (rows,).
// Label smoothing ε: Szegedy et al. 2016, section 7. Replaces: six to ten launches of CuPy by one, in which
// each logit is read once from memory and then from the cache.
// Versions 1 and 2, the plain kernel and a step on the way: naive/softmax.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

__device__ float sum(float a, float b) { return a + b; }
__device__ float larger(float a, float b) { return fmaxf(a, b); }

// One number of every thread combined into one, which every thread of the block gets. Within a warp of 32 threads the
// numbers travel from register to register: each thread takes that of the thread whose number differs in one bit, five
// times. Only the results of the warps go through shared memory. The order of additions is always the same.
template <float combine(float, float)>
__device__ float over_block(float value)
{
    __shared__ float of_warp[32];
    for (int bit = 16; bit > 0; bit /= 2)
        value = combine(value, __shfl_xor_sync(0xffffffff, value, bit));
    __syncthreads();  // until all threads have read the previous result
    if (threadIdx.x % 32 == 0)
        of_warp[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warp[0];
    for (int warp = 1; warp < blockDim.x / 32; ++warp)
        value = combine(value, of_warp[warp]);
    return value;
}

extern "C" __global__ void log_softmax(const float* logits, float* log_p, int V)
{
    logits += (size_t)blockIdx.x * V;
    log_p += (size_t)blockIdx.x * V;

    float largest = logits[0];
    for (int v = threadIdx.x; v < V; v += blockDim.x)
        largest = fmaxf(largest, logits[v]);
    largest = over_block<larger>(largest);

    float total = 0;
    for (int v = threadIdx.x; v < V; v += blockDim.x)
        total += expf(logits[v] - largest);
    const float log_total = logf(over_block<sum>(total));

    for (int v = threadIdx.x; v < V; v += blockDim.x)
        log_p[v] = logits[v] - largest - log_total;
}

extern "C" __global__ void cross_entropy(const float* logits, const long long* targets, float* p, float* loss, int V,
                                         float smoothing)
{
    const int row = blockIdx.x;
    logits += (size_t)row * V;
    p += (size_t)row * V;

    float largest = logits[0];
    for (int v = threadIdx.x; v < V; v += blockDim.x)
        largest = fmaxf(largest, logits[v]);
    largest = over_block<larger>(largest);

    float total = 0, all = 0;
    for (int v = threadIdx.x; v < V; v += blockDim.x) {
        const float shifted = logits[v] - largest;
        all += shifted;
        p[v] = expf(shifted);
        total += p[v];
    }
    total = over_block<sum>(total);
    all = over_block<sum>(all);

    for (int v = threadIdx.x; v < V; v += blockDim.x)
        p[v] /= total;
    if (threadIdx.x == 0) {
        const float of_target = logits[targets[row]] - largest;
        loss[row] = logf(total) - (1 - smoothing) * of_target - smoothing * all / V;
    }
}

extern "C" __global__ void cross_entropy_backward(float* p, const long long* targets, const float* dloss, int V,
                                                  float smoothing)
{
    const int row = blockIdx.x;
    p += (size_t)row * V;
    for (int v = threadIdx.x; v < V; v += blockDim.x) {
        const float target = smoothing / V + (v == targets[row] ? 1 - smoothing : 0);
        p[v] = (p[v] - target) * dloss[row];
    }
}
