// The steps that led to ../depthwise.cu, depthwise convolution.
//
// x, dx: (N, H, W, C); y, dy: (N, OH, OW, C); W, dW: (K, K, C); b: (C,); float32. These kernels are for slides and
// tests: the library never launches them.

// Version 1: one thread for each number of y, in the order of a drawing: channel by channel, neighbouring threads at
// neighbouring windows. But channels are last in memory, so neighbouring threads read S · C numbers apart, and every
// read moves a run of 128 bytes of which 4 are used.
extern "C" __global__ void depthwise_v1(const float* x, const float* kernel, const float* b, float* y, int count, int H,
                                        int W, int C, int OH, int OW, int K, int S, int top, int left)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count)
        return;
    const int ow = index % OW, oh = index / OW % OH, c = index / OW / OH % C, n = index / OW / OH / C;
    float sum = b[c];
    for (int kh = 0; kh < K; ++kh)
        for (int kw = 0; kw < K; ++kw) {
            const int h = S * oh + kh - top, w = S * ow + kw - left;
            if (0 <= h && h < H && 0 <= w && w < W)
                sum += x[((n * H + h) * W + w) * C + c] * kernel[(kh * K + kw) * C + c];
        }
    y[((n * OH + oh) * OW + ow) * C + c] = sum;
}

// Final version, `depthwise` in ../depthwise.cu: the same work with the channel as the fastest index. Gained: 32
// threads read 32 neighbours, one run of memory, of x and of the kernel, and write one.

// Version 1 of the gradient of x: one thread for each number of dy adds its part to the K·K pixels that made it.
// Windows overlap, so several threads add to one pixel: atomically, in any order, after a launch that zeroes dx.
extern "C" __global__ void input_gradient_v1(const float* dy, const float* kernel, float* dx, int count, int H, int W,
                                             int C, int OH, int OW, int K, int S, int top, int left)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= count)
        return;
    const int c = index % C, ow = index / C % OW, oh = index / C / OW % OH, n = index / C / OW / OH;
    for (int kh = 0; kh < K; ++kh)
        for (int kw = 0; kw < K; ++kw) {
            const int h = S * oh + kh - top, w = S * ow + kw - left;
            if (0 <= h && h < H && 0 <= w && w < W)
                atomicAdd(&dx[((n * H + h) * W + w) * C + c], dy[index] * kernel[(kh * K + kw) * C + c]);
        }
}

// Final version, `input_gradient` in ../depthwise.cu: one thread for each pixel, which finds the windows that saw it.
// Gained: one writer for each number, so no atomics, a fixed order and no zeroing.

// Version 1 of the gradient of the kernel: one thread for each weight adds up x times dy over all outputs of all
// images. A kernel of 3 x 3 x 96 keeps 864 threads busy on a GPU that can run a hundred thousand.
extern "C" __global__ void kernel_gradient_v1(const float* dy, const float* x, float* dW, int rows, int H, int W, int C,
                                              int OH, int OW, int K, int S, int top, int left)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= K * K * C)
        return;
    const int c = index % C, kw = index / C % K, kh = index / C / K;
    float sum = 0;
    for (int output = 0; output < rows; ++output) {
        const int ow = output % OW, oh = output / OW % OH, n = output / OW / OH;
        const int h = S * oh + kh - top, w = S * ow + kw - left;
        if (0 <= h && h < H && 0 <= w && w < W)
            sum += dy[output * C + c] * x[((n * H + h) * W + w) * C + c];
    }
    dW[index] = sum;
}

// Final version, `kernel_gradient` in ../depthwise.cu: the outputs are dealt out to the warps of many blocks, a slab to
// each, whose sums are added afterwards. Gained: all of the GPU has work, and sums that round less.
