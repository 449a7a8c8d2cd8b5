// The windows of a convolution as the rows of a matrix (im2col; Chellapilla et al. 2006), and back.
//
//     windows   columns[(n, oh, ow), (kh, kw, c)] = x[n, S·oh + kh - P, S·ow + kw - P, c], one thread each
//     pixels    dx[n, h, w, c] = Σ dcolumns over the windows that saw this pixel, one thread each
//
// x, dx: (N, H, W, C); columns: (count, K·K·C), the windows from number `first` on of all N · OH · OW in reading order;
// float32. Backward every pixel collects from its windows in a fixed order, instead of windows adding to pixels with
// atomics. Replaces: a padded copy of x and K² strided copies; with a chunk of windows at a time, the matrix, K² times
// the size of x, is never there as a whole.
// Version 1, the plain kernel: naive/im2col.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

extern "C" __global__ void windows(const float* x, float* columns, int first, int count, int H, int W, int C, int OH,
                                   int OW, int K, int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    const int c = index % C, kw = index / C % K, kh = index / C / K % K, window = index / C / K / K;
    if (window >= count)
        return;
    const int number = first + window;
    const int ow = number % OW, oh = number / OW % OH, n = number / OW / OH;
    const int h = S * oh + kh - P, w = S * ow + kw - P;
    const bool inside = 0 <= h && h < H && 0 <= w && w < W;
    columns[index] = inside ? x[((n * H + h) * W + w) * C + c] : 0;
}

extern "C" __global__ void pixels(const float* dcolumns, float* dx, int count, int H, int W, int C, int OH, int OW,
                                  int K, int S, int P)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of the `count` pixels and channels of some images
    if (index >= count)
        return;
    const int c = index % C, w = index / C % W, h = index / C / W % H, n = index / C / W / H;
    float gradient = 0;
    for (int kh = 0; kh < K; ++kh)
        for (int kw = 0; kw < K; ++kw) {
            const int row = h + P - kh, column = w + P - kw;  // S·oh and S·ow, if that is where a window begins
            if (row < 0 || column < 0 || row % S || column % S || row / S >= OH || column / S >= OW)
                continue;
            const int window = (n * OH + row / S) * OW + column / S;
            gradient += dcolumns[((window * K + kh) * K + kw) * C + c];
        }
    dx[index] = gradient;
}
