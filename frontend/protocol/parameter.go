package protocol

// parameter is one parameter of a request, as both protocols carry it into a T.
type parameter[T any] struct {
	// json is its member name in the JSON protocol. query is how its form parameters begin in the Query protocol.
	json, query string
	readJSON    func(r *jsonReader, into *T)
	// readForm is only called for a parameter that was sent.
	readForm func(r *formReader, at *formNode, into *T)
}

// parameters are those of one request, or of one entry of a batch. Those met most often come first.
type parameters[T any] []parameter[T]

// readJSON reads an object. Unknown members are skipped: clients are sometimes newer than we are.
func (list parameters[T]) readJSON(r *jsonReader, into *T) {
next:
	for o := r.object(); o.next(); {
		for i := range list {
			if list[i].json == string(o.name) {
				list[i].readJSON(r, into)
				continue next
			}
		}
		r.skip()
	}
}

// readForm reads the form parameters below a node. Unknown ones are skipped, such as those of a signature.
func (list parameters[T]) readForm(r *formReader, at *formNode, into *T) {
	for i := range list {
		if child := at.child(list[i].query); child != nil {
			list[i].readForm(r, child, into)
		}
	}
}

// text describes a parameter that is text; absent and empty are the same.
func text[T any](name string, field func(*T) *string) parameter[T] {
	return parameter[T]{name, name,
		func(r *jsonReader, into *T) { r.readString(field(into)) },
		func(r *formReader, at *formNode, into *T) { *field(into) = string(r.text(at)) },
	}
}

// optionalText describes a parameter that is text, for which absent and empty differ.
func optionalText[T any](name string, field func(*T) *Optional[string]) parameter[T] {
	return parameter[T]{name, name,
		func(r *jsonReader, into *T) { r.readOptionalString(field(into)) },
		func(r *formReader, at *formNode, into *T) { *field(into) = Some(string(r.text(at))) },
	}
}

// longText describes a parameter that is text and may be long: the field points into the request's body.
func longText[T any](name string, field func(*T) *[]byte) parameter[T] {
	return parameter[T]{name, name,
		func(r *jsonReader, into *T) { r.readBytes(field(into)) },
		func(r *formReader, at *formNode, into *T) { *field(into) = r.text(at) },
	}
}

// integer describes a parameter that is a whole number.
func integer[T any](name string, field func(*T) *Optional[int64]) parameter[T] {
	return parameter[T]{name, name,
		func(r *jsonReader, into *T) { r.readInteger(field(into)) },
		func(r *formReader, at *formNode, into *T) { r.readInteger(at, field(into)) },
	}
}

// texts describes a list of texts. Two such parameters may fill one field.
func texts[T any](json, query string, field func(*T) *[]string) parameter[T] {
	return parameter[T]{json, query,
		func(r *jsonReader, into *T) { r.readStrings(field(into)) },
		func(r *formReader, at *formNode, into *T) {
			for _, element := range r.elements(at) {
				*field(into) = append(*field(into), string(r.text(element)))
			}
		},
	}
}

// pairs describes a map of texts. In a form its keys are called key and its values Value.
func pairs[T any](json, query, key string, field func(*T) *[]Pair) parameter[T] {
	return parameter[T]{json, query,
		func(r *jsonReader, into *T) { r.readPairs(field(into)) },
		func(r *formReader, at *formNode, into *T) { r.readPairs(at, key, field(into)) },
	}
}

// messageAttributes describes a map of message attributes.
func messageAttributes[T any](json, query string, field func(*T) *[]MessageAttribute) parameter[T] {
	return parameter[T]{json, query,
		func(r *jsonReader, into *T) { r.readMessageAttributes(field(into)) },
		func(r *formReader, at *formNode, into *T) { r.readMessageAttributes(at, field(into)) },
	}
}

// batchEntriesExpected is the room made for a batch's entries: the most that a valid batch has.
const batchEntriesExpected = 10

// entries describes the entries of a batch.
func entries[T, Entry any](query string, field func(*T) *[]Entry, of parameters[Entry]) parameter[T] {
	return parameter[T]{"Entries", query,
		func(r *jsonReader, into *T) {
			list := make([]Entry, 0, batchEntriesExpected)
			for a := r.array(); a.next(); {
				list = grow(list)
				of.readJSON(r, &list[len(list)-1])
			}
			*field(into) = list
		},
		func(r *formReader, at *formNode, into *T) {
			list := make([]Entry, 0, batchEntriesExpected)
			for _, element := range r.elements(at) {
				list = grow(list)
				of.readForm(r, element, &list[len(list)-1])
			}
			*field(into) = list
		},
	}
}

// grow appends a zero element. Room that was made for it is zero already and need not be written again.
func grow[Entry any](list []Entry) []Entry {
	if len(list) < batchEntriesExpected {
		return list[:len(list)+1]
	}
	return append(list, *new(Entry))
}

// within describes the parameters of a part of T as parameters of T itself.
func within[T, Part any](part func(*T) *Part, list parameters[Part], more ...parameter[T]) parameters[T] {
	all := parameters[T](more)
	for _, p := range list {
		all = append(all, parameter[T]{p.json, p.query,
			func(r *jsonReader, into *T) { p.readJSON(r, part(into)) },
			func(r *formReader, at *formNode, into *T) { p.readForm(r, at, part(into)) },
		})
	}
	return all
}
