package load

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"time"
)

// connection is one kept-alive HTTP/1.1 connection to an SQS endpoint.
type connection struct {
	address string
	conn    net.Conn
	reader  *bufio.Reader
	body    []byte
	out     []byte
}

// requestTimeout bounds one request; a long poll takes longer on its own account.
const requestTimeout = 10 * time.Second

// bodyMax bounds an answer: ten messages of 1 MiB and their JSON.
const bodyMax = 16 << 20

// call sends one action and returns the answer's body, valid until the next call. After an error the connection is
// closed and the next call dials again.
func (c *connection) call(action string, request []byte) ([]byte, error) {
	body, err := c.roundTrip(action, request)
	var status *statusError
	if err != nil && !errors.As(err, &status) {
		c.close()
	}
	return body, err
}

func (c *connection) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// statusError is an answer other than 200.
type statusError struct {
	status int
	body   string
}

func (e *statusError) Error() string { return fmt.Sprintf("HTTP %d: %s", e.status, e.body) }

func (c *connection) roundTrip(action string, request []byte) ([]byte, error) {
	if err := c.send(action, request); err != nil {
		return nil, err
	}
	return c.read()
}

// send writes a request, which must be answered within requestTimeout.
func (c *connection) send(action string, request []byte) error {
	if c.conn == nil {
		conn, err := net.DialTimeout("tcp", c.address, requestTimeout)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReaderSize(conn, 64<<10)
	}
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return err
	}
	c.out = append(c.out[:0], "POST / HTTP/1.1\r\nHost: "...)
	c.out = append(c.out, c.address...)
	c.out = append(c.out, "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS."...)
	c.out = append(c.out, action...)
	c.out = append(c.out, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential=load/20260101/us-east-1/sqs/aws4_request, SignedHeaders=host, Signature=0\r\nContent-Length: "...)
	c.out = strconv.AppendInt(c.out, int64(len(request)), 10)
	c.out = append(append(c.out, "\r\n\r\n"...), request...)
	_, err := c.conn.Write(c.out)
	return err
}

var errAnswer = errors.New("answer is not HTTP")

func (c *connection) read() ([]byte, error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return nil, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return nil, errAnswer
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return nil, errAnswer
	}
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return nil, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		if textproto.CanonicalMIMEHeaderKey(string(name)) == "Content-Length" {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return nil, errAnswer
			}
		}
	}
	if length < 0 || length > bodyMax {
		return nil, fmt.Errorf("%w: content length %d", errAnswer, length)
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	if _, err := io.ReadFull(c.reader, c.body); err != nil {
		return nil, err
	}
	if status != 200 {
		return nil, &statusError{status: status, body: string(c.body)}
	}
	return c.body, nil
}
