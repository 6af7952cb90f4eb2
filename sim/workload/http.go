package workload

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Limits of one try.
const (
	dialTimeout   = 2 * time.Second
	answerTimeout = 7 * time.Second // a frontend gives up after 5 s; a long poll adds its wait
	answerMax     = 16 << 20        // ten messages of 1 MiB and their JSON, in bytes
)

// When a connection is not used again, and addresses are looked up again.
const (
	idleMax     = 30 * time.Second // servers close connections that are idle for longer
	lookupMax   = 5 * time.Second
	leaveChance = 0.01 // a connection is left for another at any request, so that balancers see new ones
)

// connection is a kept-alive HTTP/1.1 connection to the endpoint, dialled when it is needed.
type connection struct {
	env      Env
	random   *rand.Rand
	endpoint string // name, which is also the Host of requests

	addresses  []string
	lookedUpAt time.Duration

	conn   net.Conn // nil if there is none
	reader *bufio.Reader
	usedAt time.Duration
	out    []byte
}

// exchange is one try of a request.
type exchange struct {
	action     string
	body       []byte
	invocation string // the same for all tries of a request
	try        int    // from 1
	wait       time.Duration
}

// open makes sure that there is a connection. dialled says that it is a new one.
func (c *connection) open() (dialled bool, err error) {
	if c.conn != nil && (c.env.Now()-c.usedAt > idleMax || c.random.Float64() < leaveChance) {
		c.close()
	}
	if c.conn != nil {
		return false, nil
	}
	if now := c.env.Now(); c.addresses == nil || now-c.lookedUpAt > lookupMax {
		addresses, err := c.env.Lookup(c.endpoint)
		if err != nil {
			return false, fmt.Errorf("look up %s: %w", c.endpoint, err)
		}
		if len(addresses) == 0 {
			return false, fmt.Errorf("look up %s: no addresses", c.endpoint)
		}
		c.addresses, c.lookedUpAt = addresses, now
	}
	address := c.addresses[c.random.IntN(len(c.addresses))]
	conn, err := c.env.Dial(address, dialTimeout)
	if err != nil {
		c.addresses = nil
		return true, fmt.Errorf("dial %s: %w", address, err)
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return true, nil
}

// close drops the connection. What its closing says does not matter: nothing more is expected of it.
func (c *connection) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn, c.reader = nil, nil
	}
}

// do sends a request on the open connection and reads the answer. After an error the connection is closed, and
// it is not known whether the request was carried out.
func (c *connection) do(e exchange) (status int, body []byte, err error) {
	status, body, keep, err := c.roundTrip(e)
	if err != nil || !keep {
		c.close()
	}
	c.usedAt = c.env.Now()
	return status, body, err
}

func (c *connection) roundTrip(e exchange) (status int, body []byte, keep bool, err error) {
	if err := c.conn.SetDeadline(c.env.Time().Add(answerTimeout + e.wait)); err != nil {
		return 0, nil, false, fmt.Errorf("set deadline: %w", err)
	}
	c.out = append(c.appendHeader(c.out[:0], e), e.body...)
	if _, err := c.conn.Write(c.out); err != nil {
		return 0, nil, false, fmt.Errorf("send request: %w", err)
	}
	response, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, nil, false, fmt.Errorf("read answer: %w", err)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, answerMax+1))
	if err != nil {
		return 0, nil, false, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > answerMax {
		return 0, nil, false, fmt.Errorf("read answer: longer than %d bytes", answerMax)
	}
	return response.StatusCode, body, !response.Close, nil
}

// The clients' identity: an access key as AWS shows them in examples, and a region.
const (
	accessKey = "AKIAIOSFODNN7EXAMPLE"
	region    = "us-east-1"
	// account is the one that the service takes callers for whose access key does not tell.
	account = "000000000000"
)

// appendHeader appends the header of a request, as an SDK writes it. The signature is the form of one.
func (c *connection) appendHeader(b []byte, e exchange) []byte {
	now := c.env.Time().UTC()
	b = append(b, "POST / HTTP/1.1\r\nHost: "...)
	b = append(b, c.endpoint...)
	b = append(b, "\r\nUser-Agent: aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26 api/sqs#1.52.10\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(e.body)), 10)
	b = append(b, "\r\nAmz-Sdk-Invocation-Id: "...)
	b = append(b, e.invocation...)
	b = append(b, "\r\nAmz-Sdk-Request: attempt="...)
	b = strconv.AppendInt(b, int64(e.try), 10)
	b = append(b, "; max="...)
	b = strconv.AppendInt(b, triesMax, 10)
	b = append(b, "\r\nAuthorization: AWS4-HMAC-SHA256 Credential="+accessKey+"/"...)
	b = now.AppendFormat(b, "20060102")
	b = append(b, "/"+region+"/sqs/aws4_request, SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target, Signature="...)
	for range 4 {
		b = fmt.Appendf(b, "%016x", c.random.Uint64())
	}
	b = append(b, "\r\nContent-Type: application/x-amz-json-1.0\r\nX-Amz-Date: "...)
	b = now.AppendFormat(b, "20060102T150405Z")
	b = append(b, "\r\nX-Amz-Target: AmazonSQS."...)
	b = append(b, e.action...)
	return append(b, "\r\nAccept-Encoding: identity\r\n\r\n"...)
}
