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

// Codec writes the answers of one wire protocol. How requests are read differs too much to be one method: see
// [JSON.Decode] and [ParseForm]. It keeps no state: all methods may be called concurrently.
type Codec interface {
	// AppendResponse appends the body of an action's answer to dst. It may append nothing.
	AppendResponse(dst []byte, action *Action, response Response, requestID string) []byte
	// AppendFault appends an error's body to dst.
	AppendFault(dst []byte, fault *Fault, requestID string) []byte
	// ContentType is the value of the answer's Content-Type header.
	ContentType() string
}

// Request is what an action is asked: a pointer to one of the structs in requests.go.
type Request any

// Response is what an action answers, one of the structs in responses.go.
type Response interface {
	// write writes the members of the answer.
	write(w answerWriter)
}

// Fault is an error as the client gets to see it.
type Fault struct {
	// Type is the error's name in the JSON protocol, for example "QueueDoesNotExist".
	Type string
	// Code is its name in the Query protocol and in the x-amzn-query-error header.
	Code string
	// Message is a sentence for people.
	Message string
	// QueryMessage is the sentence in the Query protocol where that differs.
	QueryMessage string
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
