package frontend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"chasqui/frontend/protocol"
)

// maxPooledBytes bounds the buffers that are kept for the next request.
const maxPooledBytes = 256 << 10

// buffers are the bytes of one request and its answer, used again for later ones.
type buffers struct {
	body, answer []byte
}

// ServeHTTP answers one request. Whatever happens in it, a panic too, stays in it.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == healthPath && r.Method == http.MethodGet {
		s.serveHealth(w, r)
		return
	}
	b := s.buffers.Get().(*buffers)
	defer s.release(b)
	requestID := s.newRequestID()
	codec := codecOf(r)
	header := w.Header()
	header["Content-Type"] = []string{codec.ContentType()}
	header["x-amzn-RequestId"] = []string{requestID}

	action, response, err := s.answer(r, codec, b)
	status := http.StatusOK
	if err == nil {
		b.answer = codec.AppendResponse(b.answer[:0], action, response, requestID)
	} else {
		known := apiErrorOf(err)
		s.logFailure(r, requestID, known, err)
		fault := known.fault()
		status = fault.Status
		writeErrorHeaders(header, codec, &fault)
		b.answer = codec.AppendFault(b.answer[:0], &fault, requestID)
	}
	header["Content-Length"] = []string{strconv.Itoa(len(b.answer))}
	w.WriteHeader(status)
	s.write(w, b.answer)
}

// write sends bytes of an answer. An error means that the client is gone, or too slow: net/http ends the connection,
// and nobody is left to tell.
func (s *Server) write(w io.Writer, p []byte) {
	if _, err := w.Write(p); err != nil {
		s.host.Log.Debug("client did not take its answer", "error", err)
	}
}

// release gives buffers back, unless one has grown large.
func (s *Server) release(b *buffers) {
	if cap(b.body) <= maxPooledBytes && cap(b.answer) <= maxPooledBytes {
		s.buffers.Put(b)
	}
}

// codecOf returns the protocol of a request. A request is in the JSON protocol if its header says so in either of two
// ways; whatever else comes is in the Query protocol, which has no header of its own.
func codecOf(r *http.Request) protocol.Codec {
	if r.Header.Get("X-Amz-Target") != "" || strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-amz-json-") {
		return protocol.JSON{}
	}
	return protocol.Query{}
}

// answer finds the action, reads the request and carries it out. It turns a panic into an error.
func (s *Server) answer(r *http.Request, codec protocol.Codec, b *buffers) (action *protocol.Action, response protocol.Response, err error) {
	defer recoverInto(&err)
	if codec == (protocol.Query{}) {
		return s.answerQuery(r, b)
	}
	name, ok := protocol.TargetAction(r.Header.Get("X-Amz-Target"))
	if !ok || r.Method != http.MethodPost {
		return nil, nil, errUnknownOperation
	}
	if action, ok = protocol.ActionNamed(name); !ok {
		return nil, nil, invalidAction(name)
	}
	if !s.load.enter(action.Priority) {
		return nil, nil, errOverloaded
	}
	defer s.load.leave()
	body, err := b.readBody(r)
	if err != nil {
		return nil, nil, err
	}
	request, err := protocol.JSON{}.Decode(action, body)
	if err != nil {
		return nil, nil, err
	}
	c := s.callerOf(r)
	response, err = s.perform(r.Context(), &c, request)
	return action, response, err
}

// answerQuery is answer for the Query protocol. Which action is asked for may stand in the body, so the body is read
// before a request can be refused for overload by its priority.
func (s *Server) answerQuery(r *http.Request, b *buffers) (*protocol.Action, protocol.Response, error) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return nil, nil, errUnknownOperation
	}
	if !s.load.enter(protocol.PriorityDelete) {
		return nil, nil, errOverloaded
	}
	defer s.load.leave()
	body, err := b.readBody(r)
	if err != nil {
		return nil, nil, err
	}
	form, err := protocol.ParseForm([]byte(r.URL.RawQuery), body)
	if err != nil {
		return nil, nil, err
	}
	name := form.Text("Action")
	if name == "" {
		return nil, nil, errUnknownOperation
	}
	onQueue := r.URL.Path != "" && r.URL.Path != "/"
	action, ok := protocol.ActionNamed(name)
	if !ok || onQueue && action.NotOnQueue {
		return nil, nil, invalidAction(name)
	}
	if !s.load.admits(action.Priority) {
		return nil, nil, errOverloaded
	}
	if onQueue {
		form.SetDefault("QueueUrl", r.URL.Path)
	}
	request, err := protocol.Query{}.Decode(action, form)
	if err != nil {
		return nil, nil, err
	}
	c := s.callerOf(r)
	c.signedBy(s, form)
	response, err := s.perform(r.Context(), &c, request)
	return action, response, err
}

// readBody reads a request's body into the buffer, with its limit.
func (b *buffers) readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > protocol.MaxBodyBytes {
		return nil, errBodyTooLarge
	}
	if r.ContentLength >= 0 {
		if int64(cap(b.body)) < r.ContentLength {
			b.body = make([]byte, r.ContentLength)
		}
		b.body = b.body[:r.ContentLength]
		if _, err := io.ReadFull(r.Body, b.body); err != nil {
			return nil, errBodyUnreadable
		}
		return b.body, nil
	}
	// A chunked body: its length shows only as it comes.
	b.body = b.body[:0]
	for {
		if len(b.body) > protocol.MaxBodyBytes {
			return nil, errBodyTooLarge
		}
		if len(b.body) == cap(b.body) {
			b.body = append(b.body, 0)[:len(b.body)]
		}
		n, err := r.Body.Read(b.body[len(b.body):cap(b.body)])
		b.body = b.body[:len(b.body)+n]
		if errors.Is(err, io.EOF) {
			return b.body, nil
		}
		if err != nil {
			return nil, errBodyUnreadable
		}
	}
}

// newRequestID returns a random UUID, by which an answer can be found in the log.
func (s *Server) newRequestID() string {
	var text [36]byte
	return string(s.newMessageID().AppendText(text[:0]))
}

// newMessageID returns a random UUID.
func (s *Server) newMessageID() protocol.MessageID {
	var random [16]byte
	// A Host's Random never fails.
	_, _ = s.host.Random.Read(random[:])
	return protocol.NewMessageID(random)
}

// panicError is a panic that was caught: a mistake of ours that must not end the frontend.
type panicError struct {
	value any
	stack []byte
}

// Error says that there was a panic; the log has the rest.
func (e *panicError) Error() string { return "panic while answering a request" }

// recoverInto, when deferred, turns a panic into an error.
func recoverInto(err *error) {
	if value := recover(); value != nil {
		*err = &panicError{value: value, stack: debug.Stack()}
	}
}

// logFailure logs errors that are ours. Those of clients are not worth a line each.
func (s *Server) logFailure(r *http.Request, requestID string, known *apiError, err error) {
	if known.kind.sender || r.Context().Err() != nil {
		return
	}
	log := s.host.Log.With("request", requestID, "target", r.Header.Get("X-Amz-Target"))
	var panicked *panicError
	switch {
	case errors.As(err, &panicked):
		log.Error("panic while answering a request", "panic", panicked.value, "stack", string(panicked.stack))
	case known == errOverloaded:
		log.Debug("request refused", "in flight", s.load.inFlight.Load(), "long polls", s.load.longPolls.Load())
	case errors.Is(err, context.DeadlineExceeded), known.kind == kindUnavailable:
		log.Warn("request not completed", "error", err)
	default:
		log.Error("request failed", "error", err)
	}
}
