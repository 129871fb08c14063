// The part of Boost.Asio that need not be in every object file that uses it.
#include <boost/asio/impl/src.hpp>
