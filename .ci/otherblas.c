/* A BLAS kernel that nobody has: numpy's products, each summed in an order that depends on where in the result it
 * stands. What a test fixes beyond arithmetic shows under it, on any processor, as it would under some real kernel.
 *
 *     cc -O2 -shared -fPIC -o otherblas.so otherblas.c -lm
 *     LD_PRELOAD=./otherblas.so OTHERBLAS=2 python -m pytest ...
 *
 * Sums that are exact come out as everywhere. numpy's wheels call these names. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef int64_t I;
enum { COLUMNS = 102, PLAIN = 111, TURNED = 112, UPPER = 121, LOWER = 122 };

static int kind(I place) {
    static int seed = -1;
    if (seed < 0) seed = getenv("OTHERBLAS") ? atoi(getenv("OTHERBLAS")) : 1;
    return (int)((place * 7 + seed * 13) % 5);
}

#define KERNEL(T, P, FMA)                                                                                   \
    static T sum_##P(I k, const T *a, I sa, const T *b, I sb, I place) {                                    \
        T s = 0, q[8] = {0};                                                                                \
        switch (kind(place)) {                                                                              \
        case 0: for (I p = k - 1; p >= 0; p--) s += a[p * sa] * b[p * sb]; return s;                        \
        case 1: for (I p = 0; p < k; p++) s = FMA(a[p * sa], b[p * sb], s); return s;                       \
        case 2: for (I p = 0; p < k; p++) q[p % 4] += a[p * sa] * b[p * sb];                                \
                return (q[0] + q[2]) + (q[1] + q[3]);                                                       \
        case 3: for (I p = 0; p < k; p++) q[p % 8] = FMA(a[p * sa], b[p * sb], q[p % 8]);                   \
                for (int i = 7; i >= 0; i--) s += q[i];                                                     \
                return s;                                                                                   \
        default: for (I p = 0; p < k; p += 2) s += a[p * sa] * b[p * sb];                                   \
                for (I p = 1; p < k; p += 2) s += a[p * sa] * b[p * sb];                                    \
                return s;                                                                                   \
        }                                                                                                   \
    }                                                                                                       \
    static void put_##P(T *c, T value, T beta) { *c = beta == 0 ? value : value + beta * *c; }              \
    void scipy_cblas_##P##gemm64_(int order, int ta, int tb, I m, I n, I k, T alpha, const T *a, I lda,     \
                                  const T *b, I ldb, T beta, T *c, I ldc) {                                 \
        if (order == COLUMNS) {                                                                             \
            const T *x = a; a = b; b = x;                                                                   \
            I l = lda; lda = ldb; ldb = l;                                                                  \
            l = m; m = n; n = l;                                                                            \
            int t = ta; ta = tb; tb = t;                                                                    \
        }                                                                                                   \
        for (I i = 0; i < m; i++)                                                                           \
            for (I j = 0; j < n; j++) {                                                                     \
                const T *x = ta == PLAIN ? a + i * lda : a + i, *y = tb == PLAIN ? b + j : b + j * ldb;     \
                I place = i / 3 % 5 + j / 4 % 3 + m + n;                                                    \
                T v = sum_##P(k, x, ta == PLAIN ? 1 : lda, y, tb == PLAIN ? ldb : 1, place);                \
                put_##P(c + i * ldc + j, alpha * v, beta);                                                  \
            }                                                                                               \
    }                                                                                                       \
    void scipy_cblas_##P##syrk64_(int order, int part, int t, I n, I k, T alpha, const T *a, I lda,         \
                                  T beta, T *c, I ldc) {                                                    \
        if (order == COLUMNS) {                                                                             \
            part = part == UPPER ? LOWER : UPPER;                                                           \
            t = t == PLAIN ? TURNED : PLAIN;                                                                \
        }                                                                                                   \
        I step = t == PLAIN ? 1 : lda, row = t == PLAIN ? lda : 1;                                          \
        for (I i = 0; i < n; i++)                                                                           \
            for (I j = part == UPPER ? i : 0; j < (part == UPPER ? n : i + 1); j++) {                       \
                I low = i < j ? i : j, high = i < j ? j : i;                                                \
                T v = sum_##P(k, a + i * row, step, a + j * row, step, low / 3 % 5 + high / 4 % 3 + n);     \
                put_##P(c + i * ldc + j, alpha * v, beta);                                                  \
            }                                                                                               \
    }                                                                                                       \
    void scipy_cblas_##P##gemv64_(int order, int t, I m, I n, T alpha, const T *a, I lda, const T *x,       \
                                  I ix, T beta, T *y, I iy) {                                               \
        if (order == COLUMNS) {                                                                             \
            I l = m; m = n; n = l;                                                                          \
            t = t == PLAIN ? TURNED : PLAIN;                                                                \
        }                                                                                                   \
        I rows = t == PLAIN ? m : n, k = t == PLAIN ? n : m;                                                \
        if (ix < 0) x -= (k - 1) * ix;                                                                      \
        if (iy < 0) y -= (rows - 1) * iy;                                                                   \
        for (I i = 0; i < rows; i++) {                                                                      \
            const T *z = t == PLAIN ? a + i * lda : a + i;                                                  \
            put_##P(y + i * iy, alpha * sum_##P(k, z, t == PLAIN ? 1 : lda, x, ix, i / 4 + rows), beta);    \
        }                                                                                                   \
    }                                                                                                       \
    T scipy_cblas_##P##dot64_(I k, const T *a, I ia, const T *b, I ib) {                                    \
        if (ia < 0) a -= (k - 1) * ia;                                                                      \
        if (ib < 0) b -= (k - 1) * ib;                                                                      \
        return sum_##P(k, a, ia, b, ib, k);                                                                 \
    }

KERNEL(float, s, fmaf)
KERNEL(double, d, fma)
