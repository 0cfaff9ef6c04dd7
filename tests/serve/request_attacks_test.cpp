// Requests, forms and connections that are not what they should be, and what has to come back.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <gtest/gtest.h>

#include "groundglass/core/clock.h"
#include "tests/serve/attacked_server.h"

namespace groundglass {
namespace {
namespace fs = std::filesystem;

class RequestAttacks : public AttackedServer {};

TEST_F(RequestAttacks, FormsThatAreNone) {
  const std::string part = "--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"";
  expect(415, ask("POST " + files(), good() + length(1), "x"), "no type");
  expect(400, form("x", ""), "no boundary");
  expect(400, form("x", std::string(200, 'b')), "long boundary");
  expect(400, form("hello"), "no parts");
  expect(400, form("--b\r\n\r\nx\r\n--b--\r\n"), "no disposition");
  expect(400, form(part + "a.nii\"\r\n\r\nhello"), "no end");
  expect(400, form(part + "../../evil\"\r\n\r\nx\r\n--b--\r\n"), "path");
  expect(400, form(part + "/etc/cron.d/x\"\r\n\r\nx\r\n--b--\r\n"), "absolute path");
  expect(400, form("--bX\r\n\r\n--b--"), "another boundary");
  expect(400, form("--b\r\nContent-Disposition: form-data; name=\"" + std::string(20000, 'n')),
         "headers without end");
  std::string many;
  for (int i = 0; i < 60; ++i) many += part + std::to_string(i) + ".dcm\"\r\n\r\nx\r\n";
  expect(413, form(many + "--b--\r\n"), "too many files");
  const std::string tricky = "x\r\n--", value = tricky + "\r\n-b\r\n";
  EXPECT_NE(status_of(form(part + "t.nii\"\r\n\r\n" + value + "\r\n--b--\r\n")), 500);
}

TEST_F(RequestAttacks, RequestsThatAreNone) {
  const auto raw = [&](const std::string& bytes, double seconds = 2) {
    const RawConnection connection(session_->port());
    connection.send(bytes);
    return status_of(connection.receive(seconds));
  };
  EXPECT_EQ(raw("\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET\r\n\r\n"), 400);
  EXPECT_EQ(raw("GET / HTTP/9.9\r\n\r\n"), 400);
  EXPECT_EQ(raw(std::string("\x16\x03\x01\x02\x00\x01", 6) + std::string(50, 'x') + "\r\n\r\n"),
            400)
      << "TLS";
  EXPECT_EQ(raw("GET / HTTP/1.1\r\nHost 127.0.0.1\r\n\r\n"), 403) << "no colon";
  EXPECT_EQ(raw("GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + good() + "\r\n"), 414);
  EXPECT_EQ(raw("GET / HTTP/1.1\r\nX: " + std::string(40000, 'a') + "\r\n\r\n"), 400)
      << "one long header";
  std::string many;
  for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": a\r\n";
  EXPECT_EQ(raw("GET / HTTP/1.1\r\n" + many + "\r\n"), 400) << "many headers";
  EXPECT_EQ(raw(std::string(1 << 20, 'A')), 0) << "no line";
  for (const std::string method : {"TRACE", "CONNECT", "OPTIONS", "PRI", "EVIL"}) {
    const int status = raw(method + " /api/v1/version HTTP/1.1\r\n" + good() + "\r\n");
    EXPECT_TRUE(status == 400 || status == 405) << method << " " << status;
  }
  expect(405, ask("DELETE /api/v1/version", good()), "method");
  expect(405, ask("POST /index.html", good() + length(0)), "method on a page");
  // A body that a handler leaves unread is no second request.
  const std::string smuggled = "GET /api/v1/studies HTTP/1.1\r\n" + good() + "\r\n";
  const std::string answer = ask("POST /nothing", good() + length(smuggled.size()), smuggled);
  EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << answer;
  const std::string two = ask("GET /nothing", good() + length(smuggled.size()), smuggled);
  EXPECT_EQ(two.find("HTTP/1.1", 5), std::string::npos) << two;
}

TEST_F(RequestAttacks, NoRequestHidesInAnother) {
  const std::string hidden = "DELETE /api/v1/studies/" + study_ + " HTTP/1.1\r\n" + good() + "\r\n";
  const std::string chunks = "2\r\n{}\r\n0\r\n\r\n" + hidden;
  const auto post = [&](const std::string& headers, const std::string& body) {
    const std::string answer =
        ask("POST /api/v1/studies", good() + "Content-Type: application/json\r\n" + headers, body);
    EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << headers << answer;
    return answer;
  };
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  expect(400, post(chunked + length(2), chunks), "both lengths");
  expect(400, post(length(chunks.size()) + chunked, chunks), "both lengths, the other way round");
  expect(400, post(chunked + chunked, chunks), "chunked twice");
  expect(400, post("Transfer-Encoding: xchunked\r\n" + length(2), "{}" + hidden), "xchunked");
  expect(400, post("Transfer-Encoding: chunked, identity\r\n", chunks), "chunked and more");
  expect(400, post("Transfer-Encoding: identity\r\n" + length(2), "{}" + hidden), "identity");
  expect(400, post("Transfer-Encoding : chunked\r\n" + length(2), "{}" + hidden),
         "blank in a name");
  expect(400, post(length(2) + length(2), "{}" + hidden), "two lengths");
  expect(400, post(length(2) + length(2 + hidden.size()), "{}" + hidden), "two other lengths");
  for (const std::string value : {"+2", "0x2", "2, 2", "99999999999999999999999"}) {
    expect(400, post("Content-Length: " + value + "\r\n", "{}" + hidden), value);
  }
  expect(404, get("/api/v1/studies/" + study_ + "/images/1/versions"), "the study is there still");
  EXPECT_TRUE(fs::exists(*folder_ / "workspace/studies" / study_));
}

TEST_F(RequestAttacks, HeadersThatMeanTwoThings) {
  const auto with = [&](const std::string& more) {
    return ask("GET /api/v1/version", good() + "Connection: close\r\n" + more);
  };
  expect(400, with("Authorization: Bearer wrong\r\n"), "a second token");
  expect(400, with("Origin: http://" + host() + "\r\nOrigin: http://evil.example\r\n"),
         "two origins");
  expect(400, with("Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n"), "two sites");
  expect(400, with(std::string("X: a\0b\r\n", 8)), "NUL in a header");
  expect(400, with("X: a\rX-Evil: b\r\n"), "a line that ends by halves");
  expect(400, with("X Y: a\r\n"), "a blank in a name");
  expect(400, with("X\xc3\xa9: a\r\n"), "letters of other alphabets in a name");
  expect(401,
         ask("GET /api/v1/version",
             "Host: " + host() + "\r\nConnection: close\r\nCookie: " + std::string("groundglass_") +
                 std::to_string(session_->port()) + "=\"" + session_->token() + "\"\r\n"),
         "a cookie in quotes");
  expect(200, with("X-Forwarded-Host: evil.example\r\nX-HTTP-Method-Override: DELETE\r\n"),
         "headers that other servers believe");
  // Whoever asks for another protocol gets an answer of this one, or none.
  const std::string socket =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: "
      "13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  const std::string upgraded = ask("GET /api/v1/version", good() + socket, "", 0.5);
  EXPECT_EQ(status_of(upgraded), 200) << upgraded;
  expect(400, ask("GET http://evil.example/api/v1/version", "Host: evil.example\r\n" + bearer()),
         "the address of another server");
}

TEST_F(RequestAttacks, PeopleAreToldInAPage) {
  const std::string h = "Host: " + host() + "\r\nConnection: close\r\nAccept: text/html\r\n";
  const std::string page = ask("GET /", h);
  EXPECT_EQ(status_of(page), 401);
  EXPECT_NE(page.find("Content-Type: text/html"), std::string::npos) << page;
  EXPECT_NE(page.find("open the address that the program printed"), std::string::npos);
  EXPECT_NE(page.find("Content-Security-Policy: default-src 'none'"), std::string::npos);
  const std::string none = ask("GET /%3Cscript%3E", h + bearer());
  EXPECT_EQ(status_of(none), 404);
  EXPECT_EQ(none.find("<script"), std::string::npos) << none;
  expect(404, ask("GET /api/v1/nothing", h + bearer()), "the interface answers in JSON");
}

TEST_F(RequestAttacks, RangesAreChecked) {
  const auto range = [&](const std::string& value) {
    return status_of(
        ask("GET /index.html", good() + "Connection: close\r\nRange: " + value + "\r\n"));
  };
  for (const std::string value :
       {"bytes=0-0", "bytes=99999999999999999999-", "bytes=5-1", "bytes=-0", "items=0-1",
        "bytes=", "bytes=0-1,2-3,4-5", "bytes=a-b", "bytes=--5"}) {
    const int status = range(value);
    EXPECT_TRUE(status == 200 || status == 206 || status == 416) << value << " " << status;
  }
}

TEST_F(RequestAttacks, SlowClientsAreLeft) {
  const auto seconds_of = [&](const std::string& first, const std::string& each) {
    const RawConnection connection(session_->port());
    connection.send(first);
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    };
    while (passed() < 6) {
      if (!connection.send(each)) break;
      pollfd none = {-1, 0, 0};
      poll(&none, 1, 100);
      if (!connection.receive(0).empty() || !connection.send(each)) break;
    }
    return passed();
  };
  EXPECT_LT(seconds_of("GET / HTTP/1.1\r\n", "X"), 3) << "headers, a byte at a time";
  EXPECT_LT(
      seconds_of("PUT " + files() + "?path=slow HTTP/1.1\r\n" + good() + length(100000) + "\r\n",
                 "x"),
      3)
      << "body, a byte at a time";
  const double begin = now_s();
  EXPECT_EQ(RawConnection(session_->port()).receive(5), "") << "nothing at all";
  EXPECT_LT(now_s() - begin, 3);
  EXPECT_EQ(status_of(get("/api/v1/version")), 200);
}

TEST_F(RequestAttacks, StreamsAreCounted) {
  const std::string headers = good() + "Accept: text/event-stream\r\n";
  RawConnection first(session_->port()), second(session_->port());
  first.send("GET /api/v1/events HTTP/1.1\r\n" + headers + "\r\n");
  second.send("GET /api/v1/events HTTP/1.1\r\n" + headers + "\r\n");
  EXPECT_NE(first.receive(0.3).find("event: hello"), std::string::npos);
  EXPECT_NE(second.receive(0.3).find("event: hello"), std::string::npos);
  expect(429, get("/api/v1/events"), "one more");
}

/// 1,200 connections, or as many as GROUNDGLASS_CONNECTIONS says (./check --all: 10,000), by eight
/// clients at once. A third says nothing and leaves; all others are answered.
TEST_F(RequestAttacks, ManyConnectionsDoNotBringItDown) {
  const char* wanted = std::getenv("GROUNDGLASS_CONNECTIONS");
  const int each = (wanted != nullptr ? std::atoi(wanted) : 1200) / 8;
  std::atomic<int> answered = 0, refused = 0;
  std::vector<std::thread> threads;
  const double begin = now_s();
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < each; ++i) {
        const RawConnection connection(session_->port());
        if (i % 3 == 0) continue;  // says nothing and leaves
        connection.send("GET /api/v1/version HTTP/1.1\r\n" + good() + "Connection: close\r\n\r\n");
        const int status = status_of(connection.receive(5));
        if (status == 200) ++answered;
        if (status == 503 || status == 0) ++refused;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  std::cout << 8 * each << " connections in " << now_s() - begin << " s, " << answered
            << " answered\n";
  const int asked = 8 * (each - (each + 2) / 3);
  EXPECT_EQ(answered + refused, asked);
  EXPECT_GT(answered, asked / 2);
  EXPECT_EQ(status_of(get("/api/v1/version")), 200);
}

}  // namespace
}  // namespace groundglass
