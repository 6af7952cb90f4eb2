package catalog

import (
	"fmt"
	"slices"

	"chasqui/metadata/codec"

	"github.com/vmihailenco/msgpack/v5"
)

// Patch gives values to some attributes and says nothing about the others.
type Patch struct {
	// Given names the attributes that the patch sets, in any order.
	Given []string
	// Values holds their values. Its other fields are ignored and not even sent.
	Values Attributes
}

// gives tells whether the patch sets the attribute.
func (p *Patch) gives(name string) bool { return slices.Contains(p.Given, name) }

// Validate reports a name that is no attribute, and values too large for a command.
func (p *Patch) Validate() error {
	for _, name := range p.Given {
		i := slices.IndexFunc(attributes[:], func(f attribute) bool { return f.name == name })
		if i < 0 {
			return fmt.Errorf("unknown attribute %q", name)
		}
		if text := attributes[i].text; text != nil && len(*text(&p.Values)) > attributeTextBytesMax {
			return fmt.Errorf("attribute %s has %d bytes, at most %d are stored", name, len(*text(&p.Values)), attributeTextBytesMax)
		}
	}
	return nil
}

// applyTo returns a with the patch's values. Turning one kind of server-side encryption on turns the other off; after
// KMS is removed, SQS-managed encryption stays off (SQS-API.md 3.2).
func (p *Patch) applyTo(a Attributes) Attributes {
	for i := range attributes {
		if f := &attributes[i]; p.gives(f.name) {
			f.copy(&a, &p.Values)
		}
	}
	kms, managed := p.gives("KmsMasterKeyId"), p.gives("SqsManagedSseEnabled")
	if kms && !managed && a.KmsMasterKeyId != "" {
		a.SqsManagedSseEnabled = false
	}
	if managed && !kms && a.SqsManagedSseEnabled {
		a.KmsMasterKeyId = ""
	}
	return a
}

// firstDifference returns the first attribute, in the table's order, that the patch gives and that a has otherwise;
// "" if there is none.
func (p *Patch) firstDifference(a *Attributes) string {
	for i := range attributes {
		if f := &attributes[i]; p.gives(f.name) && !f.equal(&p.Values, a) {
			return f.name
		}
	}
	return ""
}

// firstFifoOnly returns the first given attribute that only FIFO queues have; "" if there is none.
func (p *Patch) firstFifoOnly() string {
	for i := range attributes {
		if f := &attributes[i]; f.fifoOnly && p.gives(f.name) {
			return f.name
		}
	}
	return ""
}

// EncodeMsgpack writes the given attributes as position, value, position, value and so on.
func (p *Patch) EncodeMsgpack(e *msgpack.Encoder) error {
	w := codec.NewWriter(e)
	count := 0
	for i := range attributes {
		if p.gives(attributes[i].name) {
			count++
		}
	}
	w.Fields(2 * count)
	for i := range attributes {
		if f := &attributes[i]; p.gives(f.name) {
			w.Uint(uint64(i))
			f.write(w, &p.Values)
		}
	}
	return w.Err()
}

// DecodeMsgpack reads what EncodeMsgpack wrote. Given comes out in the table's order.
func (p *Patch) DecodeMsgpack(d *msgpack.Decoder) error {
	r := codec.NewReader(d)
	n := r.List(2 * len(attributes))
	if n%2 != 0 {
		return fmt.Errorf("patch has %d elements, an even number expected", n)
	}
	for range n / 2 {
		f := &attributes[r.UintUpTo(uint64(len(attributes)-1))%uint64(len(attributes))]
		f.read(r, &p.Values)
		if r.Err() != nil {
			return r.Err()
		}
		p.Given = append(p.Given, f.name)
	}
	return r.Err()
}
