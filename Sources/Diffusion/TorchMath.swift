/// The logarithm, sine and cosine of PyTorch's vectorised `normal_fill` on x86, to the last bit.
///
/// They are the single-precision Cephes approximations (Moshier, `logf.c`, `sinf.c`), in the order of operations and
/// with the fused multiply-adds that PyTorch's AVX2 build has. A fused multiply-add is written as float64 arithmetic,
/// where the product is exact: that needs no library call, and gives the same bits on every machine.
enum TorchMath {
  private static func fused(_ a: Float, _ b: Float, _ c: Float) -> Float {
    Float(Double(a) * Double(b) + Double(c))
  }

  /// ln x for normal x > 0.
  static func log(_ x: Float) -> Float {
    // x = 2^exponent · mantissa, mantissa within √½...√2.
    var exponent = Float(Int32(x.bitPattern >> 23) - 126)
    var mantissa = Float(bitPattern: x.bitPattern & 0x007f_ffff | 0x3f00_0000)
    if mantissa < 0.707106781186547524 {
      exponent -= 1
      mantissa += mantissa - 1  // exact: the same as 2m − 1
    } else {
      mantissa -= 1
    }
    let square = mantissa * mantissa
    var y: Float = 7.0376836292e-2
    for coefficient: Float in [
      -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1,
      -2.4999993993e-1, 3.3333331174e-1,
    ] {
      y = fused(y, mantissa, coefficient)
    }
    y = fused(y * mantissa, square, exponent * -2.12194440e-4)  // ln 2 comes in two parts
    y = fused(square, -0.5, y)
    return fused(exponent, 0.693359375, mantissa + y)
  }

  /// (sin x, cos x) for 0 ≤ x < 8192.
  static func sinCos(_ x: Float) -> (sin: Float, cos: Float) {
    // Octants, rounded up to even; the rest of the angle lies within ±π/4. π/4 comes in three parts.
    let octant = (Int32(x * 1.27323954473516) + 1) & ~1
    let turns = Float(octant)
    var angle = fused(turns, -0.78515625, x)
    angle = fused(turns, -2.4187564849853515625e-4, angle)
    angle = fused(turns, -3.77489497744594108e-8, angle)

    let square = angle * angle
    var even: Float = fused(2.443315711809948e-5, square, -1.388731625493765e-3)
    even = fused(even, square, 4.166664568298827e-2) * square
    even = fused(even, square, -(square * 0.5)) + 1
    var odd: Float = fused(-1.9515295891e-4, square, 8.3321608736e-3)
    odd = fused(odd, square, -1.6666654611e-1) * square
    odd = fused(odd, angle, angle)

    let swapped = octant & 2 != 0
    let sine = swapped ? even : odd
    let cosine = swapped ? odd : even
    return (octant & 4 == 0 ? sine : -sine, (octant + 2) & 4 == 0 ? cosine : -cosine)
  }
}
