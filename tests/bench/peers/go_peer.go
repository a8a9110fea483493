// The showcase's hot paths on Go's net/http with gorilla/websocket and redigo: see
// tests/bench/parts/peers.py.
package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/gorilla/websocket"
)

func answer(w http.ResponseWriter, status int, value interface{}) {
	body, _ := json.Marshal(value)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

func show(store *redis.Pool, w http.ResponseWriter, id string) {
	connection := store.Get()
	defer connection.Close()
	restaurant, err := redis.StringMap(connection.Do("HGETALL", "restaurant:"+id))
	if err != nil {
		answer(w, 503, map[string]string{"error": err.Error()})
		return
	}
	answer(w, 200, restaurant)
}

func place(store *redis.Pool, w http.ResponseWriter, r *http.Request) {
	query, connection := r.URL.Query(), store.Get()
	defer connection.Close()
	restaurant, item := query.Get("restaurant_id"), query.Get("item")
	price, err := redis.String(connection.Do("HGET", "menu:"+restaurant, item))
	if err != nil {
		answer(w, 400, map[string]string{"error": "no such item"})
		return
	}
	raw := make([]byte, 10)
	rand.Read(raw)
	id, now := "order_"+hex.EncodeToString(raw), time.Now().UnixMilli()
	connection.Send("MULTI")
	connection.Send("HSET", "order:"+id, "id", id, "restaurant_id", restaurant, "item", item,
		"amount_cents", price, "created_at", now, "status", "order_placed", "payment_status", "pending")
	connection.Send("LPUSH", "jobs", id)
	connection.Send("ZADD", "orders", now, id)
	connection.Send("XADD", "events", "*", "id", id, "status", "order_placed")
	if _, err := connection.Do("EXEC"); err != nil {
		answer(w, 503, map[string]string{"error": err.Error()})
		return
	}
	answer(w, 201, map[string]string{"message": "Order placed successfully!", "order_id": id})
}

// As gorilla's own chat example does it: a queue and a writer a client.
type room struct {
	sync.Mutex
	clients map[chan *websocket.PreparedMessage]bool
}

func (r *room) serve(w http.ResponseWriter, request *http.Request) {
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }}
	connection, err := upgrader.Upgrade(w, request, nil)
	if err != nil {
		return
	}
	queue := make(chan *websocket.PreparedMessage, 4096)
	r.Lock()
	r.clients[queue] = true
	r.Unlock()
	go func() {
		for message := range queue {
			if connection.WritePreparedMessage(message) != nil {
				return
			}
		}
	}()
	for {
		_, text, err := connection.ReadMessage()
		if err != nil {
			break
		}
		message, _ := websocket.NewPreparedMessage(websocket.TextMessage, append([]byte("Message: "), text...))
		r.Lock()
		for other := range r.clients {
			select {
			case other <- message:
			default: // too slow: loses this one
			}
		}
		r.Unlock()
	}
	r.Lock()
	delete(r.clients, queue)
	r.Unlock()
	close(queue)
	connection.Close()
}

func main() {
	milliseconds, _ := strconv.Atoi(os.Getenv("PEER_WAIT_MS"))
	wait := time.Duration(milliseconds) * time.Millisecond
	store := &redis.Pool{MaxIdle: 64, MaxActive: 64, Wait: true, Dial: func() (redis.Conn, error) {
		return redis.Dial("unix", os.Getenv("PEER_REDIS"))
	}}
	chat := &room{clients: map[chan *websocket.PreparedMessage]bool{}}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]string{"status": "ok"})
	})
	http.HandleFunc("/restaurants/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(wait)
		show(store, w, strings.TrimPrefix(r.URL.Path, "/restaurants/"))
	})
	http.HandleFunc("/order", func(w http.ResponseWriter, r *http.Request) { place(store, w, r) })
	http.HandleFunc("/ws/support-chat", chat.serve)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PEER_PORT"), nil))
}
