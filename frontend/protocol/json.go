package protocol

// JSON is the AWS JSON 1.0 protocol: one JSON object in, one out.
type JSON struct{}

var _ Codec = JSON{}

// Decode reads a request. A body without any bytes counts as an empty object, since actions without parameters are
// sent so by some clients.
//
// The body is used as scratch space and the request points into it: both end together. Errors are *DecodeError.
func (JSON) Decode(action *Action, body []byte) (Request, error) {
	request := action.newRequest()
	if len(body) == 0 {
		return request, nil
	}
	r := jsonReader{buf: body}
	if r.peek() != '{' {
		return nil, &DecodeError{Reason: "The request body is not a JSON object."}
	}
	action.readJSON(&r, request)
	r.end()
	if r.err != nil {
		return nil, r.err
	}
	return request, nil
}

// AppendResponse appends the answer's JSON object, or nothing for an action without result.
func (JSON) AppendResponse(dst []byte, action *Action, response Response, _ string) []byte {
	if action.Void {
		return dst
	}
	w := jsonWriter{dst: dst}
	w.open('{')
	response.write(&w)
	w.close('}')
	return w.dst
}

// typeNamespace stands before an error's type. Clients compare what follows the '#'.
const typeNamespace = "com.amazonaws.sqs#"

// AppendFault appends the error object.
func (JSON) AppendFault(dst []byte, fault *Fault, _ string) []byte {
	w := jsonWriter{dst: dst}
	w.open('{')
	w.key("__type")
	w.dst = append(w.dst, '"')
	w.dst = append(w.dst, typeNamespace...)
	w.dst = append(w.dst, fault.Type...)
	w.dst = append(w.dst, '"')
	w.comma = true
	w.text("message", fault.Message)
	w.close('}')
	return w.dst
}

// ContentType returns the protocol's media type.
func (JSON) ContentType() string { return "application/x-amz-json-1.0" }
