package wasi

import "bytes"

// lastWordsBytes bounds what is kept of a program's last words: the message and the first stacks of a panic.
const lastWordsBytes = 16 << 10

// lastWords keeps what a program wrote last to its standard error output: the whole message once Go's runtime has begun
// one about its end, before that the last line.
type lastWords struct {
	text  []byte
	dying bool // the runtime has begun to say why it ends
	fresh bool // text ends a line, so that what follows replaces it
}

// write takes a piece of output. Go's runtime writes its messages in many pieces, the first of which has the whole of
// "panic: " or "fatal error: ".
func (w *lastWords) write(p []byte) {
	if len(p) == 0 {
		return
	}
	lineStart := w.fresh || len(w.text) == 0
	if !w.dying && lineStart && (bytes.HasPrefix(p, []byte("panic: ")) || bytes.HasPrefix(p, []byte("fatal error: "))) {
		w.dying, w.text = true, w.text[:0]
	}
	if !w.dying {
		if lineStart {
			w.text = w.text[:0]
		}
		if cut := bytes.LastIndexByte(p[:len(p)-1], '\n'); cut >= 0 {
			w.text, p = w.text[:0], p[cut+1:]
		}
		w.fresh = p[len(p)-1] == '\n'
	}
	w.text = append(w.text, p[:min(len(p), lastWordsBytes-len(w.text))]...)
}

// String returns what is kept, without the end of its last line.
func (w *lastWords) String() string { return string(bytes.TrimSpace(w.text)) }
