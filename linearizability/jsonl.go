package linearizability

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// LineMax is the longest line of a history file that ReadJSONL accepts, in bytes. Ten messages whose bodies were recorded
// whole (see Message.Body), at 1 MiB each and every byte escaped, fit.
const LineMax = 64 << 20

// WriteJSONL writes a history, one operation per line. The same history gives the same bytes: fields are in the order of
// their declaration, the keys of maps sorted.
func WriteJSONL(w io.Writer, h []Operation) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for i := range h {
		if err := encoder.Encode(&h[i]); err != nil {
			return fmt.Errorf("write operation %d: %w", i, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// ReadJSONL reads what WriteJSONL wrote, up to the end of r. Empty lines are skipped; unknown fields are errors. It does not
// check whether the history makes sense: Check does.
func ReadJSONL(r io.Reader) ([]Operation, error) {
	var h []Operation
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 64<<10), LineMax)
	number := 0
	for lines.Scan() {
		number++
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var op Operation
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&op); err != nil {
			return nil, fmt.Errorf("read history, line %d: %w", number, err)
		}
		if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read history, line %d: more than one value", number)
		}
		h = append(h, op)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read history, line %d: %w", number+1, err)
	}
	return h, nil
}
