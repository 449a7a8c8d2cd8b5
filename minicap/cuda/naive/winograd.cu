// The steps that led to ../winograd.cu: 3 x 3 convolution with stride 1 and padding 1.
//
// x: (N, H, W, C), W: (3, 3, C, F), b: (F,), y: (N, H, W, F); float32. These kernels are for slides and tests: the
// library never launches them.

// Version 1: the definition, one thread for each number of y. Threads of a warp share the pixels and read neighbouring
// weights, so memory is read in whole runs; but for each multiplication two numbers are read and none is kept. A GPU
// can multiply far faster than memory delivers.
extern "C" __global__ void conv_v1(const float* x, const float* kernel, const float* b, float* y, int N, int H, int W,
                                   int C, int F)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= N * H * W * F)
        return;
    const int f = index % F, w = index / F % W, h = index / F / W % H, n = index / F / W / H;
    float sum = b[f];
    for (int kh = 0; kh < 3; ++kh)
        for (int kw = 0; kw < 3; ++kw) {
            const int row = h + kh - 1, column = w + kw - 1;
            if (row < 0 || row >= H || column < 0 || column >= W)
                continue;
            for (int c = 0; c < C; ++c)
                sum += x[((n * H + row) * W + column) * C + c] * kernel[((kh * 3 + kw) * C + c) * F + f];
        }
    y[index] = sum;
}

// Version 1 of the kernel's gradient: one thread for each weight adds up x times dy over all pixels of all images. (The
// gradient of x needs no kernel of its own: it is the convolution of dy with the kernel turned around.)
extern "C" __global__ void conv_kernel_gradient_v1(const float* x, const float* dy, float* dW, int N, int H, int W,
                                                   int C, int F)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= 9 * C * F)
        return;
    const int f = index % F, c = index / F % C, kw = index / F / C % 3, kh = index / F / C / 3;
    float sum = 0;
    for (int n = 0; n < N; ++n)
        for (int h = max(0, 1 - kh); h < min(H, H + 1 - kh); ++h)
            for (int w = max(0, 1 - kw); w < min(W, W + 1 - kw); ++w)
                sum += x[((n * H + h + kh - 1) * W + w + kw - 1) * C + c] * dy[((n * H + h) * W + w) * F + f];
    dW[index] = sum;
}

// Version 2: Winograd's algorithm (Lavin and Gray 2016). With tiles transformed, a convolution is 36 matrix products,
// which cuBLAS computes from fast memory, and takes a quarter of the multiplications. The transforms are written as
// they are defined, T = M t Mᵀ with a matrix M (TO x FROM), by one thread for each number of T, after the tiles were
// cut out of the images by CuPy. tiles: (FROM · FROM, count), transformed: (TO · TO, count). The same kernel does all
// five.
extern "C" __global__ void transform_v2(const float* matrix, const float* tiles, float* transformed, int FROM, int TO,
                                        int count)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= TO * TO * count)
        return;
    const int tile = index % count, column = index / count % TO, row = index / count / TO;
    float sum = 0;
    for (int i = 0; i < FROM; ++i)
        for (int j = 0; j < FROM; ++j)
            sum += matrix[row * FROM + i] * tiles[(i * FROM + j) * count + tile] * matrix[column * FROM + j];
    transformed[index] = sum;
}

// Final version, ../winograd.cu: one thread for each tile and channel, which cuts its tile out of the image itself and
// holds it in registers. Gained: a pixel of a tile is read once and not 36 times, and no cut-out tiles are written to
// memory; rows and columns are transformed one after the other, 12 short transforms instead of 36 sums of 36 products;
// and as the matrices are written into the code, their zeros and ones, most of B and A, cost nothing.
