// The transforms of Winograd's convolution F(4x4, 3x3) (Lavin and Gray 2016), one thread for each tile and channel.
//
//     input_tiles      V = Bᵀ x B     6 x 6 pixels -> 36 numbers
//     kernel_tiles     U = G w Gᵀ     3 x 3 weights -> 36 numbers
//     output_tiles     y = Aᵀ M A     36 numbers -> 4 x 4 pixels, plus the bias
//     gradient_tiles   dM = A dy Aᵀ   4 x 4 pixels -> 36 numbers, the transposed output transform
//     kernel_gradient  dw = Gᵀ dU G   36 numbers -> 3 x 3 weights
//
// Between them stand 36 matrix products by cuBLAS (minicap/cuda/winograd.py); minicap/cpu/winograd.py has the matrices.
// Images: (N, H, W, C), padding 1, stride 1; V, M: (36, tiles, C), a chunk of tiles beginning with tile number `first`
// of all N · TH · TW in reading order; w: (3, 3, pairs) and U: (36, pairs), where pairs = C · F; float32. Consecutive
// threads take consecutive channels: every access is one long run, and all between load and store is in registers.
// Replaces: gathering tiles, and products with 36 x 36, 36 x 9 and 16 x 36 matrices.
// Versions 1 and 2, the plain kernel and a step on the way: naive/winograd.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

// One-dimensional transforms. B: six pixels as values of a polynomial at the points 0, 1, -1, 2, -2 and infinity.
__device__ void multiply_B(const float* d, float* v)
{
    v[0] = 4 * d[0] - 5 * d[2] + d[4];
    v[1] = d[4] + d[3] - 4 * (d[2] + d[1]);
    v[2] = d[4] - d[3] - 4 * (d[2] - d[1]);
    v[3] = d[4] - d[2] + 2 * (d[3] - d[1]);
    v[4] = d[4] - d[2] - 2 * (d[3] - d[1]);
    v[5] = 4 * d[1] - 5 * d[3] + d[5];
}

__device__ void multiply_A(const float* m, float* y)
{
    const float even1 = m[1] + m[2], odd1 = m[1] - m[2], even2 = m[3] + m[4], odd2 = m[3] - m[4];
    y[0] = m[0] + even1 + even2;
    y[1] = odd1 + 2 * odd2;
    y[2] = even1 + 4 * even2;
    y[3] = odd1 + 8 * odd2 + m[5];
}

__device__ void multiply_A_transposed(const float* y, float* m)
{
    m[0] = y[0];
    m[1] = y[0] + y[2] + (y[1] + y[3]);
    m[2] = y[0] + y[2] - (y[1] + y[3]);
    m[3] = y[0] + 4 * y[2] + (2 * y[1] + 8 * y[3]);
    m[4] = y[0] + 4 * y[2] - (2 * y[1] + 8 * y[3]);
    m[5] = y[3];
}

__device__ void multiply_G(const float* w, float* u)
{
    const float even = w[0] + w[2], even2 = w[0] + 4 * w[2];
    u[0] = w[0] / 4;
    u[1] = -(even + w[1]) / 6;
    u[2] = -(even - w[1]) / 6;
    u[3] = (even2 + 2 * w[1]) / 24;
    u[4] = (even2 - 2 * w[1]) / 24;
    u[5] = w[2];
}

__device__ void multiply_G_transposed(const float* u, float* w)
{
    const float sum1 = u[1] + u[2], sum2 = u[3] + u[4];
    w[0] = u[0] / 4 - sum1 / 6 + sum2 / 24;
    w[1] = (u[2] - u[1]) / 6 + (u[3] - u[4]) / 12;
    w[2] = u[5] - sum1 / 6 + sum2 / 6;
}

// The transform along the rows of a tile, and then along its columns.
template <int FROM, int TO, void multiply(const float*, float*)>
__device__ void both_ways(const float (&from)[FROM][FROM], float (&to)[TO][TO])
{
    float half[TO][FROM], column[TO];  // half: transformed along the rows, and turned
#pragma unroll
    for (int i = 0; i < FROM; ++i) {
        multiply(from[i], column);
#pragma unroll
        for (int j = 0; j < TO; ++j)
            half[j][i] = column[j];
    }
#pragma unroll
    for (int j = 0; j < TO; ++j) {
        multiply(half[j], column);
#pragma unroll
        for (int i = 0; i < TO; ++i)
            to[i][j] = column[i];
    }
}

// Which tile of the chunk, which channel, and where in the images.
struct Place {
    int tile, c, n, top, left;

    __device__ Place(int first, int TH, int TW, int C)
    {
        const int index = blockIdx.x * blockDim.x + threadIdx.x;
        tile = index / C, c = index % C;
        const int number = first + tile;
        n = number / (TH * TW), top = number / TW % TH * 4, left = number % TW * 4;
    }
};

extern "C" __global__ void input_tiles(const float* x, float* V, int first, int tiles, int H, int W, int C)
{
    const Place at(first, (H + 3) / 4, (W + 3) / 4, C);
    if (at.tile >= tiles)
        return;
    float d[6][6], v[6][6];
#pragma unroll
    for (int i = 0; i < 6; ++i)
#pragma unroll
        for (int j = 0; j < 6; ++j) {
            const int h = at.top - 1 + i, w = at.left - 1 + j;
            const bool inside = 0 <= h && h < H && 0 <= w && w < W;
            d[i][j] = inside ? x[((at.n * H + h) * W + w) * C + at.c] : 0;
        }
    both_ways<6, 6, multiply_B>(d, v);
#pragma unroll
    for (int p = 0; p < 36; ++p)
        V[(p * tiles + at.tile) * C + at.c] = v[p / 6][p % 6];
}

extern "C" __global__ void output_tiles(const float* M, const float* b, float* y, int first, int tiles, int H, int W,
                                        int C)
{
    const Place at(first, (H + 3) / 4, (W + 3) / 4, C);
    if (at.tile >= tiles)
        return;
    float m[6][6], pixels[4][4];
#pragma unroll
    for (int p = 0; p < 36; ++p)
        m[p / 6][p % 6] = M[(p * tiles + at.tile) * C + at.c];
    both_ways<6, 4, multiply_A>(m, pixels);
    const float bias = b ? b[at.c] : 0;
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const int h = at.top + i, w = at.left + j;
            if (h < H && w < W)  // the last tiles may hang over the edge
                y[((at.n * H + h) * W + w) * C + at.c] = pixels[i][j] + bias;
        }
}

extern "C" __global__ void gradient_tiles(const float* dy, float* dM, int first, int tiles, int H, int W, int C)
{
    const Place at(first, (H + 3) / 4, (W + 3) / 4, C);
    if (at.tile >= tiles)
        return;
    float d[4][4], m[6][6];
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            const int h = at.top + i, w = at.left + j;
            d[i][j] = h < H && w < W ? dy[((at.n * H + h) * W + w) * C + at.c] : 0;
        }
    both_ways<4, 6, multiply_A_transposed>(d, m);
#pragma unroll
    for (int p = 0; p < 36; ++p)
        dM[(p * tiles + at.tile) * C + at.c] = m[p / 6][p % 6];
}

extern "C" __global__ void kernel_tiles(const float* W, float* U, int pairs)
{
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= pairs)
        return;
    float w[3][3], u[6][6];
#pragma unroll
    for (int k = 0; k < 9; ++k)
        w[k / 3][k % 3] = W[k * pairs + pair];
    both_ways<3, 6, multiply_G>(w, u);
#pragma unroll
    for (int p = 0; p < 36; ++p)
        U[p * pairs + pair] = u[p / 6][p % 6];
}

extern "C" __global__ void kernel_gradient(const float* dU, float* dW, int pairs)
{
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= pairs)
        return;
    float u[6][6], w[3][3];
#pragma unroll
    for (int p = 0; p < 36; ++p)
        u[p / 6][p % 6] = dU[p * pairs + pair];
    both_ways<6, 3, multiply_G_transposed>(u, w);
#pragma unroll
    for (int k = 0; k < 9; ++k)
        dW[k * pairs + pair] = w[k / 3][k % 3];
}
