// The steps that led to ../normalization.cu, batch normalisation over the rows of x, (rows, C).
//
// Vectors are (C,), everything float32; scale = 1 / sqrt(variance + ε). These kernels are for slides and tests: the
// library never launches them.

// Version 1: one thread for each channel does everything. What it reads is well arranged, as 32 channels are neighbours
// in memory. But a layer of 64 channels keeps 64 threads busy on a GPU that can run a hundred thousand, and each of
// them walks through all pixels of all images three times.
extern "C" __global__ void batch_norm_v1(const float* x, const float* gamma, const float* beta, float* mean,
                                         float* variance, float* y, int rows, int C, float epsilon)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    float sum = 0, squares = 0;
    for (int row = 0; row < rows; ++row)
        sum += x[(size_t)row * C + c];
    const float mu = sum / rows;
    for (int row = 0; row < rows; ++row) {
        const float apart = x[(size_t)row * C + c] - mu;
        squares += apart * apart;
    }
    mean[c] = mu, variance[c] = squares / rows;
    const float scale = 1 / sqrtf(variance[c] + epsilon);
    for (int row = 0; row < rows; ++row)
        y[(size_t)row * C + c] = gamma[c] * ((x[(size_t)row * C + c] - mu) * scale) + beta[c];
}

extern "C" __global__ void batch_norm_backward_v1(const float* dy, const float* x, const float* gamma,
                                                  const float* mean, const float* scale, float* dbeta, float* dgamma,
                                                  float* dx, int rows, int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    float sum = 0, along = 0;
    for (int row = 0; row < rows; ++row) {
        const size_t at = (size_t)row * C + c;
        sum += dy[at];
        along += dy[at] * (x[at] - mean[c]) * scale[c];
    }
    dbeta[c] = sum, dgamma[c] = along;
    for (int row = 0; row < rows; ++row) {
        const size_t at = (size_t)row * C + c;
        const float x_hat = (x[at] - mean[c]) * scale[c];
        dx[at] = gamma[c] * scale[c] * (dy[at] - sum / rows - x_hat * along / rows);
    }
}

// Version 2 of the sums, here for the moments: one block of 256 threads for each channel. Each thread adds up every
// 256th row; then the block folds the 256 sums in shared memory, half onto half, eight times. Gained: 256 times as many
// threads, and sums that round less. Lost: the 32 threads of a warp now read numbers C apart, so that each read moves a
// run of 128 bytes of which 4 are used. The first pass over x is for the mean, the second for the variance.
__device__ float fold(float mine, float* shared)
{
    __syncthreads();  // until all threads have read the previous result
    shared[threadIdx.x] = mine;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half)
            shared[threadIdx.x] += shared[threadIdx.x + half];
    }
    __syncthreads();
    return shared[0];
}

extern "C" __global__ void moments_v2(const float* x, float* mean, float* variance, int rows, int C)
{
    const int c = blockIdx.x;
    __shared__ float shared[256];
    float sum = 0, squares = 0;
    for (int row = threadIdx.x; row < rows; row += blockDim.x)
        sum += x[(size_t)row * C + c];
    const float mu = fold(sum, shared) / rows;
    for (int row = threadIdx.x; row < rows; row += blockDim.x) {
        const float apart = x[(size_t)row * C + c] - mu;
        squares += apart * apart;
    }
    squares = fold(squares, shared);
    if (threadIdx.x == 0)
        mean[c] = mu, variance[c] = squares / rows;
}

// Final version, ../normalization.cu: a warp takes 32 neighbouring channels, so that reads are whole runs again, and
// the rows are dealt out to the warps of many blocks, so that all of the GPU has work. A second, small launch joins
// their results. Mean and variance come out of one pass over x (Welford's method). What is left, normalising, is the
// same formula for every number: one thread each.
