package memdisk

import "slices"

// pageBytes is the unit in which the bytes of files are kept and shared.
const pageBytes = 4096

// page is a part of a file. It never changes once it is in a content, so that contents may share it.
type page = [pageBytes]byte

// zeros is what a page that is nil reads as.
var zeros page

// keep returns a copy of p, which may be shared by everything that will ever hold it. Zeros, which files are filled with
// ahead of their use, are not copied.
func keep(p []byte) []byte {
	rest := p
	for len(rest) > 0 && len(p) <= len(manyZeros) {
		n := min(len(rest), pageBytes)
		if string(rest[:n]) != string(zeros[:n]) {
			return slices.Clone(p)
		}
		rest = rest[n:]
	}
	if len(rest) > 0 {
		return slices.Clone(p)
	}
	return manyZeros[:len(p)]
}

// manyZeros is what keep returns for as many zeros.
var manyZeros [1 << 20]byte

// content is the bytes of a file. Bytes of the last page behind the size are zero.
type content struct {
	size  int64
	pages []*page // nil: all zeros
}

// clone returns a copy that shares all pages.
func (c *content) clone() content { return content{size: c.size, pages: slices.Clone(c.pages)} }

// page returns the i-th page, which may lie behind the end.
func (c *content) page(i int64) *page {
	if i >= int64(len(c.pages)) || c.pages[i] == nil {
		return &zeros
	}
	return c.pages[i]
}

// read fills p with the bytes at offset and returns how many there are.
func (c *content) read(p []byte, offset int64) int {
	if offset >= c.size {
		return 0
	}
	p = p[:min(int64(len(p)), c.size-offset)]
	for n := 0; n < len(p); {
		at := offset + int64(n)
		n += copy(p[n:], c.page(at / pageBytes)[at%pageBytes:])
	}
	return len(p)
}

// write puts data at offset; a hole before it reads as zero. data must not change afterwards: whole pages of it are
// kept as they are.
func (c *content) write(data []byte, offset int64) {
	if len(data) == 0 {
		return
	}
	if end := offset + int64(len(data)); end > c.size {
		c.resize(end)
	}
	for len(data) > 0 {
		i, from := offset/pageBytes, offset%pageBytes
		n := min(int64(len(data)), pageBytes-from)
		switch {
		case n < pageBytes:
			merged := *c.page(i)
			copy(merged[from:], data[:n])
			c.pages[i] = &merged
		case *(*page)(data) == zeros:
			c.pages[i] = nil
		default:
			c.pages[i] = (*page)(data)
		}
		offset, data = offset+n, data[n:]
	}
}

// resize cuts the bytes, or adds zeros.
func (c *content) resize(size int64) {
	pages := int((size + pageBytes - 1) / pageBytes)
	if before := len(c.pages); pages > before {
		c.pages = slices.Grow(c.pages, pages-before)[:pages]
		clear(c.pages[before:])
	}
	if size < c.size {
		clear(c.pages[pages:])
		c.pages = c.pages[:pages]
		if rest := size % pageBytes; rest != 0 && c.pages[pages-1] != nil {
			cut := *c.pages[pages-1]
			clear(cut[rest:])
			c.pages[pages-1] = &cut
		}
	}
	c.size = size
}
