// Over a real unix socket, with requests written by hand.
#include "controlplane/console/http_server.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace carpool::console {
namespace {

namespace asio = boost::asio;
using asio::local::stream_protocol;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

struct HttpServerTest : testing::Test {
  HttpServerTest() {
    std::string pattern = testing::TempDir() + "carpool-http-XXXXXX";
    directory = mkdtemp(pattern.data());
    path = directory / "control.sock";
    server.get("/api/v1/status", [] { return Reply{200, "application/json", "{}\n"}; });
  }
  ~HttpServerTest() override { std::filesystem::remove_all(directory); }

  // Sends the text, and returns what comes back until the server closes.
  std::string ask(const std::string& request) {
    stream_protocol::socket socket(io);
    socket.connect(stream_protocol::endpoint(path.string()));
    asio::write(socket, asio::buffer(request));
    socket.non_blocking(true);
    std::string answer;
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (std::chrono::steady_clock::now() < limit) {
      io.run_one_for(std::chrono::milliseconds(10));
      char bytes[4096];
      boost::system::error_code error;
      const std::size_t count = socket.read_some(asio::buffer(bytes), error);
      answer.append(bytes, count);
      if (error && error != asio::error::would_block) return answer;
    }
    return answer + "(no end)";
  }

  asio::io_context io{1};
  HttpServer server{io};
  std::filesystem::path directory;
  std::filesystem::path path;
};

TEST_F(HttpServerTest, AnswersWhatItKnows) {
  ASSERT_TRUE(server.listen(path));
  const auto answer =
      ask("GET /api/v1/status?x=1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n{}\n"));
}

TEST_F(HttpServerTest, KeepsConnectionsOpen) {
  ASSERT_TRUE(server.listen(path));
  const auto answer =
      ask("GET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n"
          "HEAD /api/v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("{}\nHTTP/1.1 200 OK"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n")) << "no body after HEAD";
}

TEST_F(HttpServerTest, RefusesWhatItDoesNotKnow) {
  ASSERT_TRUE(server.listen(path));
  EXPECT_THAT(ask("GET /nothing HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("DELETE /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(ask("not HTTP at all\r\n\r\n"), StartsWith("HTTP/1.1 400"));
}

// ---- Actions -----------------------------------------------------------------------------------

struct HttpActions : HttpServerTest {
  HttpActions() {
    server.put("/api/v1/thing", [this](ActionRequest request) { return change(request); });
    server.set_audit([this](const Caller& caller, const std::string& what) {
      EXPECT_EQ(caller.uid, getuid());
      EXPECT_EQ(caller.pid, getpid());
      audit.push_back(what);
    });
    EXPECT_TRUE(server.listen(path));
  }
  // As one that waits for something.
  asio::awaitable<Reply> change(ActionRequest request) {
    asio::steady_timer timer(io, std::chrono::milliseconds(5));
    co_await timer.async_wait(asio::use_awaitable);
    done.push_back(request.body);
    co_return Reply{409, "application/json", "{}\n"};
  }
  std::string put(const std::string& body) {
    return ask("PUT /api/v1/thing HTTP/1.1\r\nConnection: close\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  std::vector<std::string> audit, done;
};

TEST_F(HttpActions, AreTakenAndWrittenDown) {
  EXPECT_THAT(put("{\"on\":\ntrue}"), StartsWith("HTTP/1.1 409 Conflict\r\n"));
  EXPECT_THAT(done, ElementsAre("{\"on\":\ntrue}"));
  EXPECT_THAT(audit, ElementsAre("PUT /api/v1/thing {\"on\":?true}"));
}

TEST_F(HttpActions, OtherMethodsAreRefused) {
  const auto answer = ask("GET /api/v1/thing HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405"));
  EXPECT_THAT(answer, HasSubstr("Allow: PUT\r\n"));
  EXPECT_THAT(answer, HasSubstr(R"({"error": "use PUT"})"));
  EXPECT_THAT(ask("PUT /api/v1/status HTTP/1.1\r\nConnection: close\r\n\r\n"),
              HasSubstr("Allow: GET, HEAD\r\n"));
  EXPECT_TRUE(done.empty() && audit.empty());
}

TEST_F(HttpActions, ABodyThatIsTooLargeIsRefused) {
  EXPECT_THAT(put(std::string(HttpServer::kMaxRequestBytes, 'x')), StartsWith("HTTP/1.1 409"));
  EXPECT_THAT(put(std::string(HttpServer::kMaxRequestBytes + 1, 'x')), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(done.size(), 1u);
  EXPECT_LT(audit.at(0).size(), 300u);
}

TEST(ErrorReply, IsJsonWhateverItSays) {
  EXPECT_EQ(error_reply(409, "say \"x\\y\"\n").body, "{\"error\": \"say \\\"x\\\\y\\\" \"}\n");
}

TEST_F(HttpServerTest, ReplacesAStaleSocketAndKeepsOthersOut) {
  {
    stream_protocol::acceptor stale(io, stream_protocol::endpoint(path.string()));
  }
  ASSERT_TRUE(server.listen(path));
  struct stat info{};
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0660u);
}

TEST_F(HttpServerTest, SaysWhyItCannotListen) {
  const auto listening = server.listen(directory / "nowhere" / "control.sock");
  ASSERT_FALSE(listening);
  EXPECT_THAT(listening.error().message, HasSubstr("No such file or directory"));
}

}  // namespace
}  // namespace carpool::console
