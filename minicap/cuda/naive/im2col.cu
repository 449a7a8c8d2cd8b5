// The steps that led to ../im2col.cu: windows of a convolution as the rows of a matrix, and back.
//
// x, dx: (N, H, W, C); columns, dcolumns: (count, K·K·C), one row for each window; float32. The arguments are those of
// the final kernels. These kernels are for slides and tests: the library never launches them.

// Version 1: one thread for each window, which copies its K·K·C numbers one after another. Right, and slow: at any
// moment the 32 threads of a warp write to 32 rows, K·K·C numbers apart. The GPU moves memory in runs of 128 bytes, so
// each write moves a run of its own, of which 4 bytes are used.
extern "C" __global__ void windows_v1(const float* x, float* columns, int first, int count, int H, int W, int C, int OH,
                                      int OW, int K, int S, int P)
{
    const int window = blockIdx.x * blockDim.x + threadIdx.x, number = first + window;
    if (window >= count)
        return;
    const int ow = number % OW, oh = number / OW % OH, n = number / OW / OH;
    for (int kh = 0; kh < K; ++kh)
        for (int kw = 0; kw < K; ++kw)
            for (int c = 0; c < C; ++c) {
                const int h = S * oh + kh - P, w = S * ow + kw - P;
                const bool inside = 0 <= h && h < H && 0 <= w && w < W;
                columns[((window * K + kh) * K + kw) * C + c] = inside ? x[((n * H + h) * W + w) * C + c] : 0;
            }
}

// Final version, `windows` in ../im2col.cu: one thread for each number. Gained: the 32 threads of a warp write 32
// neighbours, one run of 128 bytes; they read neighbours too, as channels are last; and there are K·K·C times as many
// threads, enough to do something else while a read is on its way.

// Version 1: one thread for each number of dcolumns, which it adds to the pixel that the number was copied from.
// Windows overlap, so up to K·K threads add to one pixel: atomically, in any order, after a launch that zeroes dx.
extern "C" __global__ void pixels_v1(const float* dcolumns, float* dx, int count, int H, int W, int C, int OH, int OW,
                                     int K, int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    const int c = index % C, kw = index / C % K, kh = index / C / K % K, window = index / C / K / K;
    if (window >= count)
        return;
    const int ow = window % OW, oh = window / OW % OH, n = window / OW / OH;
    const int h = S * oh + kh - P, w = S * ow + kw - P;
    if (0 <= h && h < H && 0 <= w && w < W)
        atomicAdd(&dx[((n * H + h) * W + w) * C + c], dcolumns[index]);
}

// Final version, `pixels` in ../im2col.cu: one thread for each pixel, which finds the windows that saw it and adds up
// their gradients. Gained: one writer for each number, so no atomics, a fixed order and no zeroing.
