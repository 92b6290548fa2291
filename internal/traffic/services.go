package traffic

import (
	"encoding/binary"
	"fmt"
)

// benignServices is what databases, caches and brokers say.
func benignServices() []Scenario {
	return []Scenario{
		{"postgres", "The order service queries PostgreSQL", Benign, postgres, 8},
		{"mysql", "The shop queries MySQL", Benign, mysql, 6},
		{"redis", "Sessions in Redis", Benign, redis, 8},
		{"memcached", "The page cache in Memcached", Benign, memcached, 4},
		{"mongodb", "The catalogue in MongoDB", Benign, mongodb, 4},
		{"kafka", "A consumer greets Kafka", Benign, kafka, 3},
		{"amqp", "A worker logs in to RabbitMQ", Benign, amqp, 3},
		{"mqtt", "A sensor reports over MQTT", Benign, mqtt, 3},
	}
}

// pgMessage is a typed PostgreSQL message (protocol 3.0, §54.7).
func pgMessage(typ byte, body []byte) []byte {
	b := be.AppendUint32([]byte{typ}, uint32(4+len(body)))
	return append(b, body...)
}

func postgres(s *Scene) {
	c := s.TCP(s.client(s.app()), at(database(), 5432))
	c.Client([]byte{0, 0, 0, 8, 4, 210, 22, 47}) // SSLRequest
	c.Server([]byte("N"))
	start := append([]byte{0, 3, 0, 0}, "user\x00orders\x00database\x00shop\x00application_name\x00orders-service\x00\x00"...)
	c.Client(append(be.AppendUint32(nil, uint32(4+len(start))), start...))
	c.Server(pgMessage('R', append([]byte{0, 0, 0, 10}, "SCRAM-SHA-256\x00\x00"...)))
	nonce := s.letters(24, alnum)
	first := "n,,n=,r=" + nonce
	c.Client(pgMessage('p', append(be.AppendUint32([]byte("SCRAM-SHA-256\x00"), uint32(len(first))), first...)))
	c.Server(pgMessage('R', append([]byte{0, 0, 0, 11}, "r="+nonce+s.letters(24, alnum)+",s=c2FsdHNhbHRzYWx0c2FsdA==,i=4096"...)))
	c.Client(pgMessage('p', []byte("c=biws,r="+nonce+",p="+s.letters(43, alnum)+"=")))
	ready := pgMessage('Z', []byte("I"))
	ok := pgMessage('R', append([]byte{0, 0, 0, 12}, "v="+s.letters(43, alnum)+"="...))
	ok = append(ok, pgMessage('R', []byte{0, 0, 0, 0})...)
	ok = append(ok, pgMessage('S', []byte("server_version\x0017.2\x00"))...)
	ok = append(ok, pgMessage('K', s.bytes(8))...)
	c.Server(append(ok, ready...))
	for range 3 {
		c.Client(pgMessage('Q', fmt.Appendf(nil, "SELECT id, state FROM orders WHERE customer = %d\x00", s.rng.IntN(9999))))
		col := func(name string) []byte {
			return append([]byte(name), 0, 0, 0, 64, 0, 0, 1, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0)
		}
		rows := pgMessage('T', append(append([]byte{0, 2}, col("id")...), col("state")...))
		for i := range 5 {
			id := fmt.Sprint(1000 + i)
			row := be.AppendUint32([]byte{0, 2}, uint32(len(id)))
			row = append(append(row, id...), 0, 0, 0, 4)
			rows = append(rows, pgMessage('D', append(row, "paid"...))...)
		}
		rows = append(rows, pgMessage('C', []byte("SELECT 5\x00"))...)
		c.Server(append(rows, ready...))
	}
	c.Client(pgMessage('X', nil))
	c.Close()
}

// myPacket is a MySQL packet: 3 bytes of length, a sequence number, the body.
func myPacket(seq byte, body []byte) []byte {
	n := len(body)
	return append([]byte{byte(n), byte(n >> 8), byte(n >> 16), seq}, body...)
}

func mysql(s *Scene) {
	c := s.TCP(s.client(s.web()), at(host(3, 12), 3306))
	hello := append([]byte{10}, "8.4.3\x00"...)
	hello = binary.LittleEndian.AppendUint32(hello, s.rng.Uint32())
	hello = append(hello, s.letters(8, alnum)...)
	hello = append(hello, 0, 0xff, 0xff, 255, 2, 0, 0xff, 0xdf, 21)
	hello = append(hello, make([]byte, 10)...)
	hello = append(hello, s.letters(12, alnum)...)
	c.Server(myPacket(0, append(hello, "\x00caching_sha2_password\x00"...)))
	login := []byte{0x8d, 0xa2, 0x1a, 0x00, 0, 0, 0, 1, 255}
	login = append(login, make([]byte, 23)...)
	login = v8(append(login, "shop\x00"...), s.bytes(32))
	c.Client(myPacket(1, append(login, "shop\x00caching_sha2_password\x00"...)))
	c.Server(append(myPacket(2, []byte{1, 3}), myPacket(3, []byte{0, 0, 0, 2, 0, 0, 0})...))
	for range 3 {
		c.Client(myPacket(0, fmt.Appendf(nil, "\x03SELECT name FROM products WHERE id = %d", s.rng.IntN(9999))))
		col := []byte("\x03def\x04shop\x08products\x08products\x04name\x04name\x0c\xff\x00\x00\x01\x00\x00\xfd\x00\x00\x00\x00\x00")
		set := append(myPacket(1, []byte{1}), myPacket(2, col)...)
		set = append(set, myPacket(3, []byte{0xfe, 0, 0, 2, 0})...)
		set = append(set, myPacket(4, v8(nil, []byte("Garden chair")))...)
		c.Server(append(set, myPacket(5, []byte{0xfe, 0, 0, 2, 0})...))
	}
	c.Client(myPacket(0, []byte{1}))
	c.Close()
}

// resp encodes a Redis command (RESP2 array of bulk strings).
func resp(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

func redis(s *Scene) {
	c := s.TCP(s.client(s.web()), at(cache(), 6379))
	key := "session:" + s.letters(16, hexDigits)
	for _, x := range [][2]string{
		{string(resp("PING")), "+PONG\r\n"},
		{string(resp("SET", key, `{"user":17}`, "EX", "1800")), "+OK\r\n"},
		{string(resp("GET", key)), "$11\r\n{\"user\":17}\r\n"},
		{string(resp("INCR", "visits")), ":4711\r\n"},
		{string(resp("GET", "missing")), "$-1\r\n"},
	} {
		c.Client([]byte(x[0]))
		c.Server([]byte(x[1]))
	}
	c.Close()
}

func memcached(s *Scene) {
	c := s.TCP(s.client(s.web()), at(cache(), 11211))
	key := "page:" + s.letters(8, hexDigits)
	c.Client([]byte("get " + key + "\r\n"))
	c.Server([]byte("END\r\n"))
	c.Client(fmt.Appendf(nil, "set %s 0 300 600\r\n%s\r\n", key, s.letters(600, alnum)))
	c.Server([]byte("STORED\r\n"))
	c.Client([]byte("stats\r\n"))
	c.Server([]byte("STAT pid 812\r\nSTAT uptime 86400\r\nSTAT version 1.6.32\r\nEND\r\n"))
	c.Close()
}

// opMsg is a MongoDB OP_MSG of one BSON document.
func opMsg(id, to uint32, doc []byte) []byte {
	le := binary.LittleEndian
	b := le.AppendUint32(nil, uint32(16+5+4+len(doc)+1))
	b = le.AppendUint32(b, id)
	b = le.AppendUint32(b, to)
	b = le.AppendUint32(b, 2013)
	b = append(b, 0, 0, 0, 0, 0) // flags, section kind 0
	b = le.AppendUint32(b, uint32(4+len(doc)+1))
	return append(append(b, doc...), 0)
}

func bsonInt(b []byte, key string, v uint32) []byte {
	b = append(append(append(b, 0x10), key...), 0)
	return binary.LittleEndian.AppendUint32(b, v)
}

func bsonString(b []byte, key, v string) []byte {
	b = append(append(append(b, 0x02), key...), 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(v)+1))
	return append(append(b, v...), 0)
}

func mongodb(s *Scene) {
	c := s.TCP(s.client(s.app()), at(host(3, 51), 27017))
	c.Client(opMsg(1, 0, bsonString(bsonInt(nil, "hello", 1), "$db", "admin")))
	c.Server(opMsg(900, 1, bsonInt(bsonInt(nil, "maxWireVersion", 21), "ok", 1)))
	c.Client(opMsg(2, 0, bsonString(bsonString(nil, "find", "catalogue"), "$db", "shop")))
	c.Server(opMsg(901, 2, bsonInt(bsonString(nil, "ns", "shop.catalogue"), "ok", 1)))
	c.Close()
}

func kafka(s *Scene) {
	c := s.TCP(s.client(s.app()), at(broker(), 9092))
	frame := func(body []byte) []byte { return append(be.AppendUint32(nil, uint32(len(body))), body...) }
	hello := []byte{0, 18, 0, 2, 0, 0, 0, 1} // ApiVersions v2, correlation 1
	c.Client(frame(v16(hello, []byte("orders-consumer"))))
	c.Server(frame([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 11, 0, 18, 0, 0, 0, 4, 0, 0, 0, 0}))
	meta := v16([]byte{0, 3, 0, 1, 0, 0, 0, 2}, []byte("orders-consumer"))
	c.Client(frame(v16(append(meta, 0, 0, 0, 1), []byte("orders"))))
	reply := v16([]byte{0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1}, []byte("kafka-1.internal"))
	c.Server(frame(append(reply, 0, 0, 0x23, 0x84, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0)))
	c.Close()
}

// amqpMethod is an AMQP 0-9-1 method frame on channel 0 (§4.2.3).
func amqpMethod(class, method uint16, args []byte) []byte {
	b := append([]byte{1, 0, 0}, be.AppendUint32(nil, uint32(4+len(args)))...)
	b = be.AppendUint16(b, class)
	b = be.AppendUint16(b, method)
	return append(append(b, args...), 0xce)
}

func amqp(s *Scene) {
	long := func(b []byte, v string) []byte { return append(be.AppendUint32(b, uint32(len(v))), v...) }
	c := s.TCP(s.client(s.app()), at(broker(), 5672))
	c.Client([]byte("AMQP\x00\x00\x09\x01"))
	c.Server(amqpMethod(10, 10, long(long([]byte{0, 9, 0, 0, 0, 0}, "PLAIN AMQPLAIN"), "en_US")))
	ok := long(v8([]byte{0, 0, 0, 0}, []byte("PLAIN")), "\x00worker\x00"+s.letters(16, alnum))
	c.Client(amqpMethod(10, 11, v8(ok, []byte("en_US"))))
	c.Server(amqpMethod(10, 30, []byte{7, 255, 0, 2, 0, 0, 0, 60}))
	c.Client(append(amqpMethod(10, 31, []byte{7, 255, 0, 2, 0, 0, 0, 60}), amqpMethod(10, 40, []byte("\x01/\x00\x00"))...))
	c.Server(amqpMethod(10, 41, []byte{0}))
	c.Close()
}

func mqtt(s *Scene) {
	c := s.TCP(s.client(s.visitor()), at(broker(), 1883))
	id := "sensor-" + s.letters(6, hexDigits)
	c.Client(v8([]byte{0x10}, v16([]byte("\x00\x04MQTT\x04\x02\x00\x3c"), []byte(id))))
	c.Server([]byte{0x20, 2, 0, 0})
	topic := v16(nil, []byte("warehouse/"+id+"/temperature"))
	c.Client(v8([]byte{0x30}, fmt.Appendf(topic, `{"c":%d.%d}`, 18+s.rng.IntN(5), s.rng.IntN(10))))
	c.Client([]byte{0xe0, 0})
	c.Close()
}
