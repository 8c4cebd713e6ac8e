// Package rag finds passages and answers questions from them.
//
// Documents are added set by set (a set is one dataset, named by its root), cut into passages, and
// are searchable as soon as their text is in. Vectors come later, in the background, and make the
// same search better; an answer is written from the passages found, each claim bound to one of them.
// Without any model the passages are the answer.
//
// It is not a store: everything here is derived from documents kept elsewhere and may be deleted at
// any time. It knows no network and no engine; those come in through Embedder and Generator.
//
// Start with Open and Index.Add, then Search, then Ask.
//
//	Add ──extract, split──> passages ──> lexical index          (ready at once)
//	EmbedMissing ─────────> vectors                             (in the background)
//	Search: lexical + dense ──fuse──> Results ──Ask──> Answer   (over any number of indexes)
package rag

import (
	"context"
	"errors"
)

// Errors a caller can act upon.
var (
	// ErrNotFound: no such set, or no such passage in it.
	ErrNotFound = errors.New("not found")
	// ErrDamaged: a file of the index does not hold what was written. The set it belongs to is
	// forgotten; adding it again makes it whole.
	ErrDamaged = errors.New("index file is damaged")
	// ErrNoModel: dense or hybrid search was asked for and there is no embedding model.
	ErrNoModel = errors.New("no embedding model")
	// ErrDimension: an embedder gave vectors of another length than its earlier ones, or none.
	ErrDimension = errors.New("vector has the wrong dimension")
	// ErrEmptyQuestion: the question has no letter and no digit.
	ErrEmptyQuestion = errors.New("empty question")
	// ErrQuestionTooLong: the question has more than MaxQuestion runes.
	ErrQuestionTooLong = errors.New("question is too long")
)

// MaxQuestion is the longest question answered, in runes.
const MaxQuestion = 2000

// A Passage is a piece of a document with its place: what is indexed, cited and sent to peers.
type Passage struct {
	Set     string `json:"set,omitempty"`     // the dataset
	N       int    `json:"n"`                 // number in the set, from 0
	Doc     string `json:"doc"`               // path in the set
	Title   string `json:"title,omitempty"`   // title of the document
	Heading string `json:"heading,omitempty"` // headings above it, outermost first: "Jardin > Sol"
	Page    int    `json:"page,omitempty"`    // from 1; 0 where the format has no pages
	Start   int64  `json:"start"`             // bytes [Start, End) of the document hold it
	End     int64  `json:"end"`
	Lang    string `json:"lang,omitempty"` // fr, en, es, ht, gcf…; empty when unknown
	Text    string `json:"text"`

	// Context stands elsewhere in the document and makes Text understood: the head of the table or the
	// line that announces the list which Text continues. It is searched with Text.
	Context string `json:"context,omitempty"`
	From    *From  `json:"from,omitempty"` // nil: found on this machine; never changed once set
}

// Role says what a text to embed is for: models such as e5 are trained with a prefix for each, which
// the embedder adds.
type Role string

const (
	RoleQuery   Role = "query"
	RolePassage Role = "passage"
)

// An Embedder turns texts into vectors. Embed returns one vector a text, all of one length, in order.
type Embedder interface {
	Embed(ctx context.Context, as Role, texts []string) ([][]float32, error)
	// Model is the digest of the model: vectors of different digests are never compared.
	Model() string
}

// A Generator writes text that continues a prompt, calling emit with each piece as it comes, and
// stops at the first error emit returns, returning it. It may also have the methods
//
//	Model() string // digest or name, shown with the answer
//	Small() bool   // true: read one or two short passages, no more
type Generator interface {
	Generate(ctx context.Context, p Prompt, emit func(string) error) error
}
