// Batch normalisation over the rows of x: (rows, C), which is (N, H, W, C) with all pixels of all images as rows.
//
//     moments              mean and variance of each channel (Ioffe and Szegedy 2015, algorithm 1), in two launches
//     normalize            y = γ (x - μ) · scale + β
//     gradient_sums        Σ dy and Σ dy x̂ of each channel, in two launches
//     normalize_backward   dx = γ scale (dy - dβ/M - x̂ dγ/M), M = rows
//
// Vectors are (C,), everything float32. Sums over rows: 32 channels are neighbours in memory and belong to the 32
// threads of a warp; the 8 warps of a block take every eighth row of a slab of rows; the slabs go to blocks of their
// own, and their results, (slabs, C), are joined by a second launch. So every sum has a fixed order. Mean and
// squared deviations are collected together without cancellation (Welford 1962), and joined by the rule of Chan, Golub
// and LeVeque 1983. Replaces: four to nine launches of CuPy with a pass over x each.
// Versions 1 and 2, the plain kernel and a step on the way: naive/normalization.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

#define WARPS 8

struct Moments {
    float count, mean, squares;  // squares: the sum of (x - mean)²
};

__device__ Moments join(Moments a, Moments b)
{
    const float count = a.count + b.count, apart = b.mean - a.mean;
    if (count == 0)
        return a;
    return {count, a.mean + apart * b.count / count, a.squares + b.squares + apart * apart * a.count * b.count / count};
}

extern "C" __global__ void moments(const float* x, float* counts, float* means, float* squares, int rows, int C,
                                   int slab)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = blockIdx.x * 32 + lane;
    __shared__ Moments of_warp[WARPS][32];
    Moments mine = {0, 0, 0};
    if (c < C)
        for (int row = blockIdx.y * slab + warp; row < min(rows, ((int)blockIdx.y + 1) * slab); row += WARPS) {
            const float value = x[(size_t)row * C + c], apart = value - mine.mean;
            mine.count += 1;
            mine.mean += apart / mine.count;
            mine.squares += apart * (value - mine.mean);
        }
    of_warp[warp][lane] = mine;
    __syncthreads();
    if (warp > 0 || c >= C)
        return;
    for (int w = 1; w < WARPS; ++w)
        mine = join(mine, of_warp[w][lane]);
    const int at = blockIdx.y * C + c;
    counts[at] = mine.count, means[at] = mine.mean, squares[at] = mine.squares;
}

extern "C" __global__ void join_moments(const float* counts, const float* means, const float* squares, float* mean,
                                        float* variance, int slabs, int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    Moments all = {counts[c], means[c], squares[c]};
    for (int slab = 1; slab < slabs; ++slab)
        all = join(all, {counts[slab * C + c], means[slab * C + c], squares[slab * C + c]});
    mean[c] = all.mean;
    variance[c] = all.squares / all.count;
}

extern "C" __global__ void normalize(const float* x, const float* gamma, const float* beta, const float* mean,
                                     const float* scale, float* y, int count, int C)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x, c = index % C;
    if (index < count)
        y[index] = gamma[c] * ((x[index] - mean[c]) * scale[c]) + beta[c];
}

extern "C" __global__ void gradient_sums(const float* dy, const float* x, const float* mean, const float* scale,
                                         float* dbetas, float* dgammas, int rows, int C, int slab)
{
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, c = blockIdx.x * 32 + lane;
    __shared__ float of_warp[2][WARPS][32];
    float dbeta = 0, dgamma = 0;
    if (c < C)
        for (int row = blockIdx.y * slab + warp; row < min(rows, ((int)blockIdx.y + 1) * slab); row += WARPS) {
            const size_t at = (size_t)row * C + c;
            dbeta += dy[at];
            dgamma += dy[at] * ((x[at] - mean[c]) * scale[c]);
        }
    of_warp[0][warp][lane] = dbeta, of_warp[1][warp][lane] = dgamma;
    __syncthreads();
    if (warp > 0 || c >= C)
        return;
    for (int w = 1; w < WARPS; ++w)
        dbeta += of_warp[0][w][lane], dgamma += of_warp[1][w][lane];
    dbetas[blockIdx.y * C + c] = dbeta, dgammas[blockIdx.y * C + c] = dgamma;
}

extern "C" __global__ void join_sums(const float* dbetas, const float* dgammas, float* dbeta, float* dgamma, int slabs,
                                     int C)
{
    const int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= C)
        return;
    float b = 0, g = 0;
    for (int slab = 0; slab < slabs; ++slab)
        b += dbetas[slab * C + c], g += dgammas[slab * C + c];
    dbeta[c] = b, dgamma[c] = g;
}

// Frozen statistics do not depend on x: then dbeta and dgamma are null, and only γ scale dy is left.
extern "C" __global__ void normalize_backward(const float* dy, const float* x, const float* gamma, const float* mean,
                                              const float* scale, const float* dbeta, const float* dgamma, float* dx,
                                              int rows, int C)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x, c = index % C;
    if (index >= rows * C)
        return;
    float d = dy[index];
    if (dbeta)
        d -= dbeta[c] / rows + (x[index] - mean[c]) * scale[c] * (dgamma[c] / rows);
    dx[index] = gamma[c] * scale[c] * d;
}
