// The steps that led to ../lstm.cu, the gates of an LSTM: here one launch for each line of the equations.
//
//     i, f, o, g = σ(z_i), σ(z_f), σ(z_o), tanh(z_g)      c' = f c + i g      h' = o tanh c'
//
// z: (N, 4H) in four blocks i, f, o, g; everything else (N, H); float32. These kernels are for slides and tests: the
// library never launches them.

__device__ float sigmoid(float x) { return 0.5f * tanhf(0.5f * x) + 0.5f; }

// Version 1, forward: three launches. Between them everything goes through memory: the second reads again the three
// gates that the first has just written, the third reads o and c'. For the small arrays of one step the arithmetic
// costs nothing; what costs is launching, some microseconds each, and moving each number to memory and back.
extern "C" __global__ void gates_forward_v1_gates(float* z, const float* product, int N, int H)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;  // of all N · 4H
    if (index >= N * 4 * H)
        return;
    const float x = z[index] + product[index];
    z[index] = index % (4 * H) < 3 * H ? sigmoid(x) : tanhf(x);
}

extern "C" __global__ void gates_forward_v1_cell(const float* gates, const float* c, float* c_next, int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;  // of all N · H
    if (unit >= N * H)
        return;
    const float* const i = gates + unit / H * 4 * H + unit % H;
    c_next[unit] = i[H] * c[unit] + i[0] * i[3 * H];
}

extern "C" __global__ void gates_forward_v1_hidden(const float* gates, const float* c_next, float* tanh_c,
                                                   float* h_next, int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= N * H)
        return;
    tanh_c[unit] = tanhf(c_next[unit]);
    h_next[unit] = gates[unit / H * 4 * H + 2 * H + unit % H] * tanh_c[unit];
}

// Version 1, backward: first the gradient of c', which has two parts, then that of each gate, then that of c. The
// second launch has a thread for each of the 4H numbers of a row and cannot work in place: di needs g and dg needs i,
// which another thread might have overwritten already. So dz is one more array.
extern "C" __global__ void gates_backward_v1_cell(const float* dh, float* dc, const float* gates, const float* tanh_c,
                                                  int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= N * H)
        return;
    const float o = gates[unit / H * 4 * H + 2 * H + unit % H];
    dc[unit] += dh[unit] * o * (1 - tanh_c[unit] * tanh_c[unit]);
}

extern "C" __global__ void gates_backward_v1_gates(const float* dh, const float* dc, const float* gates, const float* c,
                                                   const float* tanh_c, float* dz, int N, int H)
{
    const int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= N * 4 * H)
        return;
    const int row = index / (4 * H), kind = index % (4 * H) / H, unit = row * H + index % H;
    const float* const i = gates + row * 4 * H + index % H;
    const float gate = gates[index];
    const float slope = kind < 3 ? gate * (1 - gate) : 1 - gate * gate;
    const float d = kind == 0 ? dc[unit] * i[3 * H]     // i, multiplied by g
                  : kind == 1 ? dc[unit] * c[unit]      // f, by c
                  : kind == 2 ? dh[unit] * tanh_c[unit] // o, by tanh c'
                              : dc[unit] * i[0];        // g, by i
    dz[index] = d * slope;
}

extern "C" __global__ void gates_backward_v1_before(float* dc, const float* gates, int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;
    if (unit < N * H)
        dc[unit] *= gates[unit / H * 4 * H + H + unit % H];
}

// Final version, ../lstm.cu: one launch each way, one thread for each unit, which holds its four gates in registers.
// Gained: every number is read once and written once, there is one launch for three, and as no other thread touches the
// four gates of a unit, dz can take their place.
