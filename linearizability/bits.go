package linearizability

// bitset is a set of small numbers of constant size, so that states of the models can be compared and hashed as they are.
type bitset [bitsetMax / 64]uint64

// bitsetMax bounds the numbers in a bitset, and so the messages and the holds of one window.
const bitsetMax = 128

func bit(i int) bitset {
	var s bitset
	s[i/64] = 1 << (i % 64)
	return s
}

func (s bitset) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

func (s bitset) empty() bool { return s == bitset{} }

func (s bitset) with(other bitset) bitset {
	for i := range s {
		s[i] |= other[i]
	}
	return s
}

func (s bitset) without(other bitset) bitset {
	for i := range s {
		s[i] &^= other[i]
	}
	return s
}

func (s bitset) both(other bitset) bitset {
	for i := range s {
		s[i] &= other[i]
	}
	return s
}

// below is the set of the numbers less than i.
func below(i int) bitset {
	var s bitset
	for word := range s {
		switch low := word * 64; {
		case i >= low+64:
			s[word] = ^uint64(0)
		case i > low:
			s[word] = 1<<(i-low) - 1
		}
	}
	return s
}

// hash mixes the set into a hash (FNV-1a, a word at a time, with the high bits folded in).
func (s bitset) hash(h uint64) uint64 {
	for _, word := range s {
		h = mixed(h, word)
	}
	return h
}

func mixed(h, word uint64) uint64 {
	h = (h ^ word) * 1099511628211
	return h ^ h>>29
}
