package serve

import "time"

// Sighting is what a module server has seen of one client and one module.
type Sighting struct {
	// Asked is when the client last asked for the module.
	Asked time.Time `json:"asked"`
	// Served is when it was last sent the whole module; zero when it never was.
	Served time.Time `json:"served,omitzero"`
}

// Seen returns who asked for a module within the last day, by IP address. It is a
// copy. What is seen is lost with the process.
func (s *Server) Seen(sha256 string) map[string]Sighting {
	_ = sha256
	return map[string]Sighting{}
}
