/* Scores of int8 rows against int8 queries: what openrek.store.search.row_scan calls, and describes.

   Integer sums, then one multiplication in float32, so every path gives the same bits. Four rows go together, so that
   their sums do not wait for each other, and memory is asked for AHEAD_BYTES before it is needed: no processor does
   that by itself as well when rows are short. Of many queries each takes its turn at rows that are in the cache.
   No library is needed, not even C's. */

#include <stddef.h>
#include <stdint.h>

#define AHEAD_BYTES 8192
#define CACHED_BYTES (256 << 10)
#define LINE_BYTES 64
#define INLINE static inline __attribute__((always_inline))
#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

typedef int32_t int4 __attribute__((vector_size(16)));
typedef float float4 __attribute__((vector_size(16)));

/* Rows of whole bytes, or of nibbles: the higher halves of the bytes, plus 8. In each LINE_BYTES nibbles the lower ones
   are those of as many dimensions, the higher ones those of the next. */
struct block {
  const uint8_t *rows;
  const float *scales;
  const uint8_t *dead; /* or NULL */
  size_t count, row_bytes, dimensions;
};

/* Query i is `dimensions` bytes; its scores and maxima begin i times so many floats behind those of the first. A row
   scores ((sum of products - less[i]) * times + plus[i]) * scale. */
struct queries {
  const int8_t *vectors;
  const int32_t *less;
  const float *plus;
  float times;
  size_t count, scores, maxima;
};

/* Sums of products of a query with four rows that follow each other; the bytes `ahead` of them are asked for. */
typedef int4 dots4_of(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead);

#define SCAN_OF const struct queries *q, const struct block *b, size_t group, float *scores, float *maxima

INLINE int32_t dot(const int8_t *query, const uint8_t *row, size_t from, size_t to) {
  int32_t sum = 0;
  for (size_t i = from; i < to; i++) sum += query[i] * (int8_t)row[i];
  return sum;
}

INLINE int32_t dot_nibbles(const int8_t *query, const uint8_t *row, size_t row_bytes) {
  int32_t sum = 0;
  for (size_t line = 0; line < row_bytes; line += LINE_BYTES, query += 2 * LINE_BYTES)
    for (size_t i = 0; i < LINE_BYTES; i++)
      sum += query[i] * (row[line + i] & 15) + query[LINE_BYTES + i] * (row[line + i] >> 4);
  return sum;
}

INLINE int32_t dot_any(int nibbles, const int8_t *query, const uint8_t *row, size_t row_bytes) {
  return nibbles ? dot_nibbles(query, row, row_bytes) : dot(query, row, 0, row_bytes);
}

INLINE int4 plain4(int nibbles, const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  int4 sums;
  for (int k = 0; k < 4; k++, rows += row_bytes) {
    for (size_t i = 0; i < row_bytes; i += LINE_BYTES) __builtin_prefetch(rows + i + ahead);
    sums[k] = dot_any(nibbles, query, rows, row_bytes);
  }
  return sums;
}

INLINE int4 bytes4_plain(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  return plain4(0, query, rows, row_bytes, ahead);
}

INLINE int4 nibbles4_plain(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  return plain4(1, query, rows, row_bytes, ahead);
}

/* What the products of the bytes from `from` on add to each row's sum. */
INLINE int4 plus_tails(int4 sums, const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t from) {
  for (int k = 0; from < row_bytes && k < 4; k++) sums[k] += dot(query, rows + k * row_bytes, from, row_bytes);
  return sums;
}

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

AVX2 INLINE __m256i wide(const void *bytes) { return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)bytes)); }

AVX2 INLINE int4 sums4_avx2(const __m256i sums[4]) {
  __m256i pairs = _mm256_hadd_epi32(sums[0], sums[1]), others = _mm256_hadd_epi32(sums[2], sums[3]);
  __m256i all = _mm256_hadd_epi32(pairs, others);
  return (int4)_mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

AVX2 INLINE int4 bytes4_avx2(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  __m256i sums[4] = {0};
  size_t i = 0;
  for (; i + 16 <= row_bytes; i += 16) {
    __m256i part = wide(query + i);
    for (int k = 0; k < 4; k++) {
      const uint8_t *place = rows + k * row_bytes + i;
      if (i % LINE_BYTES == 0) __builtin_prefetch(place + ahead);
      sums[k] = _mm256_add_epi32(sums[k], _mm256_madd_epi16(part, wide(place)));
    }
  }
  return plus_tails(sums4_avx2(sums), query, rows, row_bytes, i);
}

/* Two products of a nibble and a byte, and two such sums, fit 16 bits. */
AVX2 INLINE int4 nibbles4_avx2(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  const __m256i low = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256i sums[4] = {0};
  for (size_t i = 0; i < row_bytes; i += 32) {
    const int8_t *place = query + i / LINE_BYTES * 2 * LINE_BYTES + i % LINE_BYTES;
    __m256i first = _mm256_loadu_si256((const __m256i *)place);
    __m256i second = _mm256_loadu_si256((const __m256i *)(place + LINE_BYTES));
    for (int k = 0; k < 4; k++) {
      const uint8_t *row = rows + k * row_bytes + i;
      if (i % LINE_BYTES == 0) __builtin_prefetch(row + ahead);
      __m256i both = _mm256_loadu_si256((const __m256i *)row);
      __m256i pairs = _mm256_add_epi16(
          _mm256_maddubs_epi16(_mm256_and_si256(both, low), first),
          _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(both, 4), low), second));
      sums[k] = _mm256_add_epi32(sums[k], _mm256_madd_epi16(pairs, ones));
    }
  }
  return sums4_avx2(sums);
}

AVX512 INLINE int4 sums4_avx512(const __m512i sums[4]) {
  __m512i pairs = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[0], sums[1]), _mm512_unpackhi_epi32(sums[0], sums[1]));
  __m512i others = _mm512_add_epi32(_mm512_unpacklo_epi32(sums[2], sums[3]), _mm512_unpackhi_epi32(sums[2], sums[3]));
  __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(pairs, others), _mm512_unpackhi_epi64(pairs, others));
  __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
  return (int4)_mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The first bytes, at most 64, and zeros. */
AVX512 INLINE __m512i first(const void *bytes, size_t count) {
  return count >= 64 ? _mm512_loadu_si512(bytes) : _mm512_maskz_loadu_epi8((1ull << count) - 1, bytes);
}

/* The instruction multiplies unsigned with signed bytes: rows get 128 more, and the sums 128 times the query too much. */
AVX512 INLINE int4 bytes4_avx512(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  const __m512i flip = _mm512_set1_epi8(-128);
  __m512i sums[4] = {0}, too_much = {0};
  for (size_t i = 0; i < row_bytes; i += 64) {
    __m512i part = first(query + i, row_bytes - i);
    too_much = _mm512_dpbusd_epi32(too_much, flip, part);
    for (int k = 0; k < 4; k++) {
      const uint8_t *place = rows + k * row_bytes + i;
      __builtin_prefetch(place + ahead);
      sums[k] = _mm512_dpbusd_epi32(sums[k], _mm512_xor_si512(flip, first(place, row_bytes - i)), part);
    }
  }
  for (int k = 0; k < 4; k++) sums[k] = _mm512_sub_epi32(sums[k], too_much);
  return sums4_avx512(sums);
}

AVX512 INLINE int4 nibbles4_avx512(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  const __m512i low = _mm512_set1_epi8(15);
  __m512i sums[4] = {0};
  for (size_t i = 0; i < row_bytes; i += 64) {
    __m512i first = _mm512_loadu_si512(query + 2 * i), second = _mm512_loadu_si512(query + 2 * i + 64);
    for (int k = 0; k < 4; k++) {
      const uint8_t *place = rows + k * row_bytes + i;
      __builtin_prefetch(place + ahead);
      __m512i both = _mm512_loadu_si512(place);
      sums[k] = _mm512_dpbusd_epi32(sums[k], _mm512_and_si512(both, low), first);
      sums[k] = _mm512_dpbusd_epi32(sums[k], _mm512_and_si512(_mm512_srli_epi16(both, 4), low), second);
    }
  }
  return sums4_avx512(sums);
}

#elif defined(__aarch64__)
#include <arm_neon.h>

extern unsigned long getauxval(unsigned long) __attribute__((weak)); /* of Linux; it is in every C library */

#define DOTPROD __attribute__((target("dotprod")))

DOTPROD INLINE int4 sums4_dotprod(const int32x4_t sums[4]) {
  return (int4)vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]));
}

DOTPROD INLINE int4 bytes4_dotprod(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  int32x4_t sums[4] = {0};
  size_t i = 0;
  for (; i + 16 <= row_bytes; i += 16) {
    int8x16_t part = vld1q_s8(query + i);
    for (int k = 0; k < 4; k++) {
      const uint8_t *place = rows + k * row_bytes + i;
      if (i % LINE_BYTES == 0) __builtin_prefetch(place + ahead);
      sums[k] = vdotq_s32(sums[k], vld1q_s8((const int8_t *)place), part);
    }
  }
  return plus_tails(sums4_dotprod(sums), query, rows, row_bytes, i);
}

DOTPROD INLINE int4 nibbles4_dotprod(const int8_t *query, const uint8_t *rows, size_t row_bytes, size_t ahead) {
  int32x4_t sums[4] = {0};
  for (size_t i = 0; i < row_bytes; i += 16) {
    const int8_t *place = query + i / LINE_BYTES * 2 * LINE_BYTES + i % LINE_BYTES;
    int8x16_t first = vld1q_s8(place), second = vld1q_s8(place + LINE_BYTES);
    for (int k = 0; k < 4; k++) {
      const uint8_t *row = rows + k * row_bytes + i;
      if (i % LINE_BYTES == 0) __builtin_prefetch(row + ahead);
      uint8x16_t both = vld1q_u8(row);
      sums[k] = vdotq_s32(sums[k], vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))), first);
      sums[k] = vdotq_s32(sums[k], vreinterpretq_s8_u8(vshrq_n_u8(both, 4)), second);
    }
  }
  return sums4_dotprod(sums);
}
#endif

INLINE float living(const struct block *b, size_t row, float score) {
  return b->dead && b->dead[row] ? -__builtin_inff() : score;
}

/* The best score of the rows start..stop with query i. */
INLINE float scan_group(dots4_of dots, int nibbles, const struct queries *q, size_t i, const struct block *b,
                        size_t start, size_t stop, float *scores) {
  const size_t ahead = AHEAD_BYTES / b->row_bytes * b->row_bytes;
  const int8_t *query = q->vectors + i * b->dimensions;
  float best = -__builtin_inff();
  float4 best4 = {best, best, best, best};
  size_t row = start;
  for (; row + 4 <= stop; row += 4) {
    float4 scales, found;
    __builtin_memcpy(&scales, b->scales + row, sizeof scales);
    int4 sums = dots(query, b->rows + row * b->row_bytes, b->row_bytes, ahead) - q->less[i];
    found = (__builtin_convertvector(sums, float4) * q->times + q->plus[i]) * scales;
    for (int k = 0; b->dead && k < 4; k++) found[k] = living(b, row + k, found[k]);
    __builtin_memcpy(scores + row, &found, sizeof found);
    int4 higher = found > best4;
    best4 = (float4)(((int4)found & higher) | ((int4)best4 & ~higher));
  }
  for (int k = 0; k < 4; k++) best = best4[k] > best ? best4[k] : best;
  for (; row < stop; row++) {
    int32_t sum = dot_any(nibbles, query, b->rows + row * b->row_bytes, b->row_bytes) - q->less[i];
    scores[row] = living(b, row, ((float)sum * q->times + q->plus[i]) * b->scales[row]);
    best = scores[row] > best ? scores[row] : best;
  }
  return best;
}

INLINE size_t least(size_t a, size_t b) { return a < b ? a : b; }

INLINE void scan(dots4_of dots, int nibbles, SCAN_OF) {
  const size_t groups = (b->count + group - 1) / group, some = CACHED_BYTES / (b->row_bytes * group) + 1;
  for (size_t first = 0; first < groups; first += some)
    for (size_t i = 0; i < q->count; i++)
      for (size_t g = first; g < least(first + some, groups); g++)
        maxima[i * q->maxima + g] = scan_group(dots, nibbles, q, i, b, g * group, least((g + 1) * group, b->count),
                                               scores + i * q->scores);
}

#define SCAN(path)                                                       \
  static void scan_##path(int nibbles, SCAN_OF) {                        \
    if (nibbles)                                                         \
      scan(nibbles4_##path, 1, q, b, group, scores, maxima);             \
    else                                                                 \
      scan(bytes4_##path, 0, q, b, group, scores, maxima);               \
  }

SCAN(plain)
#if defined(__x86_64__)
AVX2 SCAN(avx2)
AVX512 SCAN(avx512)
#elif defined(__aarch64__)
DOTPROD SCAN(dotprod)
#endif

/* The paths of this machine, from the plainest on. */
EXPORT int openrek_row_scan_paths(void) {
#if defined(__x86_64__)
  const unsigned wider = 0x6, widest = 0xe6, avx512 = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  unsigned a, b, c, d, kept, high;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c >> 27 & 1)) return 1;
  __asm__("xgetbv" : "=a"(kept), "=d"(high) : "c"(0)); /* the registers that the operating system keeps */
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(b >> 5 & 1) || (kept & wider) != wider) return 1;
  return (b & avx512) == avx512 && (c >> 11 & 1) && (kept & widest) == widest ? 3 : 2;
#elif defined(__aarch64__) && defined(__APPLE__)
  return 2;
#elif defined(__aarch64__)
  return getauxval && getauxval(16) >> 20 & 1 ? 2 : 1; /* AT_HWCAP, HWCAP_ASIMDDP */
#else
  return 1;
#endif
}

/* Writes each query's `scores` of all rows, and to its `maxima` the best one of each `group` rows, a multiple of 4, that
   follow each other. `path` is below openrek_row_scan_paths(); rows of nibbles are whole lines. */
EXPORT void openrek_row_scan(int path, int nibbles, SCAN_OF) {
  switch (path) {
#if defined(__x86_64__)
    case 2: scan_avx512(nibbles, q, b, group, scores, maxima); break;
    case 1: scan_avx2(nibbles, q, b, group, scores, maxima); break;
#elif defined(__aarch64__)
    case 1: scan_dotprod(nibbles, q, b, group, scores, maxima); break;
#endif
    default: scan_plain(nibbles, q, b, group, scores, maxima);
  }
}
