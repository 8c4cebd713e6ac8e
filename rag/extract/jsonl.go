package extract

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	maxNesting = 16  // levels of objects and arrays in a record
	maxNumbers = 8   // a longer array of numbers is a vector, not something to read
	maxBad     = 100 // lines in a row that are not JSON: the file is something else
)

// readJSONL reads a file of one JSON value per line: each is a row. A line
// that is not JSON is named in the warnings.
func readJSONL(src *source, d *Document, out *output) error {
	ls := newLines(src)
	good, bad := 0, 0
	for n := 1; ; n++ {
		l, err := ls.next()
		if err == io.EOF {
			if good == 0 && bad > 0 {
				return errors.New("no line is JSON")
			}
			return nil
		}
		if err != nil {
			return err
		}
		if strings.TrimSpace(l.text) == "" {
			continue
		}
		long := l.cut
		for l.cut {
			if l, err = ls.next(); err != nil {
				break
			}
		}
		rec := record{}
		if long {
			d.warn("line %d: longer than %d bytes", n, maxLine)
			bad++
		} else if err := rec.read(l.text); err != nil {
			d.warn("line %d: not JSON", n)
			bad++
		} else {
			good++
			b := Block{Role: Row, Text: rec.text()}
			b.Start, b.End = src.place(l.start, l.end)
			if err := out.add(b); err != nil {
				return err
			}
		}
		if good == 0 && bad >= maxBad {
			return errors.New("the first lines are not JSON")
		}
	}
}

// record is what one JSON value says. What a reader looks at first is set
// apart by the usual names of its keys.
type record struct {
	title  []string // title, question …
	body   []string // text, answer …
	others []string // "key: value"
}

func (r *record) text() string {
	var parts []string
	parts = append(parts, r.title...)
	parts = append(parts, r.body...)
	if len(r.others) > 0 {
		parts = append(parts, strings.Join(r.others, "; "))
	}
	return strings.Join(parts, "\n")
}

func (r *record) read(s string) error {
	dec := json.NewDecoder(strings.NewReader(s))
	dec.UseNumber()
	if err := r.value(dec, "", 0); err != nil {
		return err
	}
	if _, err := dec.Token(); err != io.EOF {
		return errors.New("more than one value")
	}
	return nil
}

// value reads the next value, named key ("" for the whole line or an element
// without name), in the order of the file.
func (r *record) value(dec *json.Decoder, key string, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("more than %d levels", maxNesting)
	}
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return r.object(dec, key, depth)
		}
		return r.array(dec, key, depth)
	case string:
		r.put(key, t)
	case json.Number:
		r.put(key, t.String())
	case bool:
		if key != "" {
			r.put(key, fmt.Sprint(t))
		}
	}
	return nil
}

func (r *record) object(dec *json.Decoder, key string, depth int) error {
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		name := t.(string) // the decoder gives nothing else here
		if key != "" && place(name) == aside {
			name = key + "." + name
		}
		if err := r.value(dec, name, depth+1); err != nil {
			return err
		}
	}
	_, err := dec.Token()
	return err
}

// array joins plain elements with ", ", and takes others one by one.
func (r *record) array(dec *json.Decoder, key string, depth int) error {
	var inner record
	numbers := 0
	var plain []string
	for dec.More() {
		var one record
		if err := one.value(dec, "", depth+1); err != nil {
			return err
		}
		if len(one.body) == 1 && len(one.title)+len(one.others) == 0 {
			plain = append(plain, one.body[0])
			if strings.Trim(one.body[0], "0123456789.eE+-") == "" {
				numbers++
			}
			continue
		}
		inner.title = append(inner.title, one.title...)
		inner.body = append(inner.body, one.body...)
		inner.others = append(inner.others, one.others...)
	}
	if _, err := dec.Token(); err != nil {
		return err
	}
	if numbers <= maxNumbers || numbers < len(plain) {
		r.put(key, strings.Join(plain, ", "))
	}
	r.title = append(r.title, inner.title...)
	r.body = append(r.body, inner.body...)
	r.others = append(r.others, inner.others...)
	return nil
}

func (r *record) put(key, value string) {
	if value = Clean(value); value == "" {
		return
	}
	switch place(key) {
	case above:
		r.title = append(r.title, value)
	case below:
		r.body = append(r.body, value)
	case aside:
		r.others = append(r.others, strings.TrimSpace(key)+": "+strings.ReplaceAll(value, "\n", " "))
	}
}

type placing int

const (
	aside   placing = iota // with its key, after the rest
	above                  // first, without its key
	below                  // then, without its key
	nowhere                // a key for machines
)

// place tells where the value of a key goes in the text of a record.
func place(key string) placing {
	switch strings.ToLower(key) {
	case "title", "titre", "name", "nom", "headline", "question", "query", "instruction", "prompt":
		return above
	case "", "text", "texte", "answer", "answers", "réponse", "reponse", "body", "content", "contenu", "contents", "output", "response", "passage", "abstract", "résumé", "resume", "summary":
		return below
	case "_id", "id", "uuid", "guid", "docid", "doc_id", "hash", "sha256", "embedding", "vector":
		return nowhere
	}
	return aside
}
