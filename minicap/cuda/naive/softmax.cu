// The steps that led to ../softmax.cu: softmax and cross-entropy of every row of a matrix.
//
// logits, log_p, p: (rows, V) float32; targets: (rows,) int64; loss, dloss: (rows,). These kernels are for slides and
// tests: the library never launches them.

// Version 1: one thread for each row, the loops of the formula. A batch of 64 captions has some 700 words, so 700
// threads are busy on a GPU that can run a hundred thousand; and the threads of a warp read numbers V apart, so that
// each read moves a run of 128 bytes of which 4 are used.
__device__ float largest_of(const float* logits, int V)
{
    float largest = logits[0];
    for (int v = 1; v < V; ++v)
        largest = fmaxf(largest, logits[v]);
    return largest;
}

extern "C" __global__ void log_softmax_v1(const float* logits, float* log_p, int rows, int V)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows)
        return;
    logits += (size_t)row * V, log_p += (size_t)row * V;
    const float largest = largest_of(logits, V);
    float total = 0;
    for (int v = 0; v < V; ++v)
        total += expf(logits[v] - largest);
    for (int v = 0; v < V; ++v)
        log_p[v] = logits[v] - largest - logf(total);
}

extern "C" __global__ void cross_entropy_v1(const float* logits, const long long* targets, float* p, float* loss,
                                            int rows, int V, float smoothing)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows)
        return;
    logits += (size_t)row * V, p += (size_t)row * V;
    const float largest = largest_of(logits, V);
    float total = 0, all = 0;
    for (int v = 0; v < V; ++v) {
        p[v] = expf(logits[v] - largest);
        total += p[v], all += logits[v] - largest;
    }
    for (int v = 0; v < V; ++v)
        p[v] /= total;
    loss[row] = logf(total) - (1 - smoothing) * (logits[targets[row]] - largest) - smoothing * all / V;
}

extern "C" __global__ void cross_entropy_backward_v1(float* p, const long long* targets, const float* dloss, int rows,
                                                     int V, float smoothing)
{
    const int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows)
        return;
    p += (size_t)row * V;
    for (int v = 0; v < V; ++v)
        p[v] = (p[v] - smoothing / V - (v == targets[row] ? 1 - smoothing : 0)) * dloss[row];
}

// Version 2: one block of 256 threads for each row; thread t takes the numbers t, t + 256, ... of the row, and the
// block folds its 256 results in shared memory, half onto half. Gained: 256 times as many threads, which read
// neighbours. Still lost: a fold takes eight turns with a barrier each, at which all 256 threads wait, and there are
// two folds a row.
extern "C" __global__ void log_softmax_v2(const float* logits, float* log_p, int V)
{
    __shared__ float of_thread[256];
    const int t = threadIdx.x;
    logits += (size_t)blockIdx.x * V, log_p += (size_t)blockIdx.x * V;

    of_thread[t] = logits[0];
    for (int v = t; v < V; v += blockDim.x)
        of_thread[t] = fmaxf(of_thread[t], logits[v]);
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            of_thread[t] = fmaxf(of_thread[t], of_thread[t + half]);
    }
    __syncthreads();
    const float largest = of_thread[0];
    __syncthreads();  // until all threads have read it

    of_thread[t] = 0;
    for (int v = t; v < V; v += blockDim.x)
        of_thread[t] += expf(logits[v] - largest);
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half)
            of_thread[t] += of_thread[t + half];
    }
    __syncthreads();
    const float log_total = logf(of_thread[0]);

    for (int v = t; v < V; v += blockDim.x)
        log_p[v] = logits[v] - largest - log_total;
}

// Final version, ../softmax.cu: a thread's number stays in a register, and the 32 threads of a warp exchange theirs
// directly, five times, without shared memory and without a barrier. Only the results of the eight warps are joined
// through shared memory: two barriers for a result instead of nine.
