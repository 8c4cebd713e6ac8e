package rag

// From says where a passage came from that another node sent. Nothing of it decides a rank.
type From struct {
	Peer     string `json:"peer"`              // id of the node that sent it
	Name     string `json:"name,omitempty"`    // what that node calls itself
	Author   string `json:"author"`            // id of who published the dataset; Passage.Set is its root
	Dataset  string `json:"dataset,omitempty"` // title of the dataset
	Verified bool   `json:"verified"`          // the text was found in the dataset's own blocks
}

// Verified tells whether the text of p is known to be that of its dataset: it was read from documents held here, or
// found in the blocks of the dataset that a peer's passage names. Only such a passage may be called a citation.
func (p Passage) Verified() bool { return p.From == nil || p.From.Verified }

// Asked is a node chosen to be asked, and what became of it.
type Asked struct {
	Peer     string  `json:"peer"`
	Name     string  `json:"name,omitempty"`
	Outcome  Outcome `json:"outcome"`
	Passages int     `json:"passages,omitempty"` // that it answered with
	Millis   int64   `json:"ms,omitempty"`       // until its answer was here
}

// Outcome is what became of a node that was chosen, in a word that never changes.
type Outcome string

const (
	OutcomeAnswered Outcome = "answered"
	OutcomeLate     Outcome = "late"    // its time was up
	OutcomeRefused  Outcome = "refused" // it would not, or could not be reached
	OutcomeLied     Outcome = "lied"    // it answered with what is not in its dataset, or not as agreed
	OutcomePrivate  Outcome = "private" // not asked: the question stays home
)
