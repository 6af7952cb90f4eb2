package witness

import (
	"strconv"
	"strings"
)

// Fields takes a line of slog's text form apart.
func Fields(line string) map[string]string {
	fields := map[string]string{}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimLeft(line, " ") {
		key, rest, ok := strings.Cut(line, "=")
		if !ok {
			break
		}
		value := rest
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				break
			}
			if value, err = strconv.Unquote(quoted); err != nil {
				break
			}
			line = rest[len(quoted):]
		} else {
			value, line, _ = strings.Cut(rest, " ")
		}
		fields[key] = value
	}
	return fields
}

// withoutPrefix returns a log line from its level on.
func withoutPrefix(line string) string {
	if i := strings.Index(line, "level="); i >= 0 {
		return line[i:]
	}
	return line
}
