// The gates of an LSTM, one thread for each unit of each row.
//
//     gates_forward    i, f, o = σ(z_i), σ(z_f), σ(z_o);  g = tanh(z_g);  c' = f c + i g;  h' = o tanh c'
//     gates_backward   the gradients of z and c, from those of h' and c'
//
// z: (N, 4H) in four blocks i, f, o, g; everything else (N, H); float32. minicap/recurrent.py has the equations and
// their references (Hochreiter and Schmidhuber 1997; Gers et al. 2000). Replaces: about twelve launches of CuPy for the
// forward step and thirty for the backward one, each with a pass over memory.
// Version 1, the plain kernel: naive/lstm.cu.
// Compiled with NVRTC 12.9 and 13.5 for sm_75 to sm_120, as CuPy 13 and 14 do; not yet run on a GPU.

__device__ float sigmoid(float x) { return 0.5f * tanhf(0.5f * x) + 0.5f; }

// z, which holds x W + b, becomes the gates; `product`, h U, is added first (null: z contains it already).
extern "C" __global__ void gates_forward(float* z, const float* product, const float* c, float* c_next, float* tanh_c,
                                         float* h_next, int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;  // of all N · H
    if (unit >= N * H)
        return;
    const int first = unit / H * 4 * H + unit % H;  // where this unit's gate i stands; f, o and g follow H apart
    float gate[4];
    for (int k = 0; k < 4; ++k) {
        const int at = first + k * H;
        const float x = product ? z[at] + product[at] : z[at];
        gate[k] = k < 3 ? sigmoid(x) : tanhf(x);
        z[at] = gate[k];
    }
    const float next = gate[1] * c[unit] + gate[0] * gate[3];
    c_next[unit] = next;
    tanh_c[unit] = tanhf(next);
    h_next[unit] = gate[2] * tanh_c[unit];
}

// The gates become dz, and dc, the gradient of c', that of c. The gradient of h' is dh + dy (dy may be null).
extern "C" __global__ void gates_backward(const float* dh, const float* dy, float* dc, float* gates, const float* c,
                                          const float* tanh_c, int N, int H)
{
    const int unit = blockIdx.x * blockDim.x + threadIdx.x;
    if (unit >= N * H)
        return;
    float* const i = gates + unit / H * 4 * H + unit % H;
    float* const f = i + H;
    float* const o = f + H;
    float* const g = o + H;
    const float from_h = dy ? dh[unit] + dy[unit] : dh[unit];
    const float tanh = tanh_c[unit];
    const float from_c = dc[unit] + from_h * *o * (1 - tanh * tanh);
    const float di = from_c * *g, df = from_c * c[unit], d_o = from_h * tanh, dg = from_c * *i;
    dc[unit] = from_c * *f;
    *i = di * *i * (1 - *i);
    *f = df * *f * (1 - *f);
    *o = d_o * *o * (1 - *o);
    *g = dg * (1 - *g * *g);
}
