package protocol

// Limits of what a request may look like. They bound memory and time before anything of it is believed.
const (
	// MaxBodyBytes is the largest request body. SQS allows 1 MiB of messages; the Query protocol triples every byte by
	// percent-encoding, and JSON escapes may do worse.
	MaxBodyBytes = 4 << 20
	// MaxDepth is how deep values may be nested. The deepest request of the API nests 6.
	MaxDepth = 16
	// MaxMembers is the most members an object, or elements an array, may have.
	MaxMembers = 1000
)

// Codec is one wire protocol. It keeps no state: all methods may be called concurrently.
type Codec interface {
	// Decode reads a request of the given action from a body, and errors are *DecodeError. The body is used as scratch
	// space and the request points into it: both end together.
	Decode(action *Action, body []byte) (Request, error)
	// AppendResponse appends an answer's body to dst. It may append nothing.
	AppendResponse(dst []byte, response Response) []byte
	// AppendFault appends an error's body to dst.
	AppendFault(dst []byte, fault *Fault) []byte
	// ContentType is the value of the answer's Content-Type header.
	ContentType() string
}

// Request is what an action is asked, one of the structs in requests.go.
type Request interface {
	decodeJSON(r *jsonReader)
}

// Response is what an action answers, one of the structs in responses.go.
type Response interface {
	appendJSON(dst []byte) []byte
}

// Fault is an error as the client gets to see it.
type Fault struct {
	// Type is the error's name in the JSON protocol, for example "QueueDoesNotExist".
	Type string
	// Code is its name in the Query protocol and in the x-amzn-query-error header.
	Code string
	// Message is a sentence for people.
	Message string
	// Sender is true if the request is at fault and false if the service is.
	Sender bool
	// Status is the HTTP status.
	Status int
}

// DecodeError says that a request's body is not what the protocol or the action's parameters allow.
type DecodeError struct {
	// Reason is a sentence fit for the client; it quotes nothing of the body.
	Reason string
}

// Error returns the reason.
func (e *DecodeError) Error() string { return e.Reason }
