// Package checksum computes the CRC-32C of bytes whose parts have been checksummed already, without reading them again.
package checksum

// castagnoliReversed is the polynomial P of CRC-32C without its term x^32, and like every polynomial here with the
// coefficient of x^0 in the highest bit: the order in which hash/crc32 keeps them.
const castagnoliReversed = 0x82f63b78

// shift multiplies a polynomial by x^(8*2^k) mod P, which is what 2^k bytes that come after it do to a checksum: shift[i][v]
// is the product for the value v of the polynomial's bits 4i to 4i+3, and the products of all of its bits add up.
type shift [8][16]uint32

// shifts has one shift for every bit of a length.
var shifts = func() (s [63]shift) {
	power := uint32(1 << (31 - 8)) // x^8
	for k := range s {
		product := power
		for bit := 31; bit >= 0; bit-- { // the polynomials 1, x, x^2 and so on
			s[k][bit/4][1<<(bit%4)] = product
			product = product>>1 ^ castagnoliReversed&-(product&1) // times x
		}
		for i := range s[k] {
			for v := range s[k][i] {
				if low := v & -v; low != v {
					s[k][i][v] = s[k][i][low] ^ s[k][i][v-low]
				}
			}
		}
		power = s[k].apply(power)
	}
	return s
}()

// Combine returns the CRC-32C of A followed by B from the checksum a of A, the checksum b of B and the length of B in
// bytes, which must not be negative. It is what crc32.Update(a, castagnoli, B) returns, and costs some nanoseconds for
// every bit that is set in the length.
//
// A checksum is the remainder of its bytes divided by P, so bytes that follow multiply it by x^8 each and are added. That
// hash/crc32 inverts checksums before and after makes no difference: the inversion of a's result undoes what that before
// B's would have been, shifted alike. (The same as crc32_combine in zlib.)
func Combine(a, b uint32, lengthB int64) uint32 {
	if lengthB < 0 {
		panic("checksum: negative length")
	}
	for k := 0; lengthB > 0; k, lengthB = k+1, lengthB>>1 {
		if lengthB&1 == 1 {
			a = shifts[k].apply(a)
		}
	}
	return a ^ b
}

func (s *shift) apply(a uint32) uint32 {
	return s[0][a&15] ^ s[1][a>>4&15] ^ s[2][a>>8&15] ^ s[3][a>>12&15] ^
		s[4][a>>16&15] ^ s[5][a>>20&15] ^ s[6][a>>24&15] ^ s[7][a>>28]
}
