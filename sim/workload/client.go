package workload

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"chasqui/linearizability"
)

// How a request is retried, as SDKs do.
const (
	triesMax     = 4
	backoffFirst = 100 * time.Millisecond
	backoffMost  = 2 * time.Second
)

// client makes requests for one thread: one at a time, on one connection, each tried again when that may help.
type client struct {
	connection
}

func newClient(env Env, random *rand.Rand, endpoint string) *client {
	return &client{connection{env: env, random: random, endpoint: endpoint}}
}

// reply is what came of a request, all tries together.
type reply struct {
	// outcome is OK if the last try was answered with success. It is Failed only if no try can have had an effect.
	outcome linearizability.Outcome
	// doubtful says that some try but the last may have been carried out, now or later, without us being told.
	doubtful bool
	body     []byte // of an answer with success
	code     string // why it did not succeed: the service's error code, or words of our own
	tries    int
	dials    int
}

// effect is what is known of one try.
type effect int

const (
	none  effect = iota // it was certainly not carried out
	done                // it was
	maybe               // no answer, or an answer that leaves it open
)

// call makes a request. wait is how long the service may let it wait on purpose.
func (c *client) call(action string, body []byte, wait time.Duration) reply {
	e := exchange{action: action, body: body, wait: wait, invocation: c.newInvocation()}
	var r reply
	for {
		e.try++
		r.tries = e.try
		result, again := c.try(e, &r)
		switch {
		case result == done:
			r.outcome = linearizability.OK
			return r
		case again && e.try < triesMax:
			r.doubtful = r.doubtful || result == maybe
			c.env.Sleep(c.backoff(e.try))
		case result == none && !r.doubtful:
			r.outcome = linearizability.Failed
			return r
		default:
			r.outcome = linearizability.Unknown
			return r
		}
	}
}

// try makes one try and says whether another may help.
func (c *client) try(e exchange, r *reply) (result effect, again bool) {
	dialled, err := c.open()
	if dialled {
		r.dials++
	}
	if err != nil {
		r.code = err.Error()
		return none, true
	}
	status, body, err := c.do(e)
	if err != nil {
		r.code = err.Error()
		return maybe, true
	}
	switch {
	case status >= 200 && status < 300:
		r.body, r.code = body, ""
		return done, false
	case status >= 400 && status < 500:
		r.code = errorCode(status, body)
		return none, status == 429 || throttled[r.code]
	default:
		r.code = errorCode(status, body)
		return maybe, true
	}
}

// throttled are the error codes of status 4xx that a client is meant to retry.
var throttled = map[string]bool{"RequestThrottled": true, "ThrottlingException": true, "Throttling": true, "RequestTimeout": true}

// errorCode returns the error code of an answer, or its status if it has none.
func errorCode(status int, body []byte) string {
	var fault struct {
		Type string `json:"__type"`
	}
	if err := json.Unmarshal(body, &fault); err != nil || fault.Type == "" {
		return fmt.Sprintf("HTTP %d", status)
	}
	return fault.Type[strings.LastIndexByte(fault.Type, '#')+1:]
}

// backoff returns how long to wait after a failed try: exponential, with full jitter.
func (c *client) backoff(try int) time.Duration {
	return time.Duration(c.random.Float64() * float64(min(backoffFirst<<try, backoffMost)))
}

// newInvocation returns a random UUID.
func (c *client) newInvocation() string {
	high, low := c.random.Uint64(), c.random.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-%04x-%012x", high>>32, high>>16&0xffff, high&0xfff, low>>48&0x3fff|0x8000, low&(1<<48-1))
}
